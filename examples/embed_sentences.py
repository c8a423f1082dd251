"""Embed a file of sentences with a model of sentence-transformers in INT8, and compare that with FP32.

    pip install "inc-hf[sentence-transformers]"
    OMP_NUM_THREADS=1 python embed_sentences.py --model all-MiniLM-L6-v2 --texts sentences.txt
    python embed_sentences.py --model my-model --texts sentences.txt --save my-model-int8 --output embeddings.npy

The file has a sentence on each line. It prints how many texts a second both embed, and the cosine of their embeddings.
With `--save` the INT8 model is kept: `inc_hf.optimize(SentenceTransformer("my-model-int8"))` loads it.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

from inc_hf import IncQuantizer, PostTrainingQuantConfig, optimize


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--model", required=True, metavar="MODEL", help="FP32 model, a directory or a name on the Hub")
    parser.add_argument("--texts", required=True, type=Path, metavar="FILE", help="sentences, one on each line")
    parser.add_argument("--batch_size", type=int, default=32, help="default: %(default)s")
    parser.add_argument("--prompt_name", help="of the prompts of the model, such as query")
    parser.add_argument("--save", metavar="DIR", help="where to keep the INT8 model; a new directory")
    parser.add_argument("--output", metavar="FILE", help="where to write the embeddings in INT8, as .npy")
    return parser.parse_args(arguments)


def read_sentences(path: Path) -> list[str]:
    """The lines that are not empty.

    Raises:
        ValueError: there are none.
    """
    sentences = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not sentences:
        raise ValueError(f"{path} has no text; put one sentence on each line.")
    return sentences


def embed(model: SentenceTransformer, sentences: list[str], arguments: argparse.Namespace) -> tuple[np.ndarray, float]:
    """Embeddings of shape `(sentences, width)`, and how many sentences a second it took."""
    how = {"batch_size": arguments.batch_size, "prompt_name": arguments.prompt_name}
    model.encode(sentences[: arguments.batch_size], **how)  # what is done only once
    began = time.perf_counter()
    embeddings = model.encode(sentences, **how)
    return embeddings, len(sentences) / (time.perf_counter() - began)


def cosines(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x * y).sum(1) / (np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1))


def main(arguments: list[str] | None = None) -> None:
    args = parse(arguments)
    sentences = read_sentences(args.texts)
    model = SentenceTransformer(args.model, device="cpu")
    expected, float_speed = embed(model, sentences, args)
    quantizer = IncQuantizer.from_pretrained(model)
    quantizer.quantize(PostTrainingQuantConfig(approach="dynamic"), save_directory=args.save)  # in place
    embeddings, speed = embed(optimize(model), sentences, args)
    agreement = cosines(embeddings, expected)
    print(f"FP32: {float_speed:.1f} texts/s")
    print(f"INT8: {speed:.1f} texts/s, {speed / float_speed:.2f} x FP32")
    print(f"cosine with FP32: mean {agreement.mean():.5f}, least {agreement.min():.5f}")
    if args.output:
        np.save(args.output, embeddings)


if __name__ == "__main__":
    main()
