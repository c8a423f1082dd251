"""INT8 against FP32 on the real GLUE SST-2: accuracy, equal predictions, size, invariance. Writes a table and JSON.

    python scripts/finetune_sst2.py --data DATA --output runs/minilm-sst2
    python scripts/accuracy_sst2.py --data DATA --model runs/minilm-sst2 --output benchmarks/sst2_int8

Calibration takes 100 sentences of the training set; the 872 sentences of the validation set are only evaluated on.
"""

import argparse
import csv
import datetime
import json
import logging
import platform
import tempfile
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import inc_hf
from inc_hf import IncModelForSequenceClassification, PostTrainingQuantConfig
from inc_hf.checkpoint.header import weights_size
from inc_hf.models.batches import batches_of
from inc_hf.quantizer import IncQuantizer

# name -> approach, reduce_range, and an observer or SmoothQuant's alpha.
# The first dynamic and the first static row are the defaults of a CPU with VNNI.
ROWS = {
    "dynamic W8A8": ("dynamic", False, None),
    "dynamic W7A8": ("dynamic", True, None),
    "static W8A8 minmax": ("static", False, "minmax"),
    "static W7A8 minmax": ("static", True, "minmax"),
    "static W8A8 moving_average": ("static", False, "moving_average"),
    "static W8A8 mse": ("static", False, "mse"),
    "static W8A8 kl": ("static", False, "kl"),
    "static W8A8 percentile": ("static", False, "percentile"),
    "static W8A8 SmoothQuant 0.5": ("static", False, 0.5),
    "static W8A8 SmoothQuant 0.8": ("static", False, 0.8),
}
INVARIANCE_SENTENCES = 100


def read_tsv(path: Path) -> tuple[list[str], torch.Tensor]:
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row["sentence"] for row in rows], torch.tensor([int(row["label"]) for row in rows])


@torch.no_grad()
def predict(model, batches) -> torch.Tensor:
    return torch.cat([model(**batch).logits.argmax(-1) for batch in batches])


def quantize_and_load(args, approach: str, reduce_range: bool, observer: str | float | None, calibration: list[str]):
    """The model as it comes back from disk, and the bytes of its weights there."""
    smooth = isinstance(observer, float)
    config = PostTrainingQuantConfig(
        approach=approach,
        reduce_range=reduce_range,
        calibration_sampling_size=args.samples,
        op_type_dict={"Linear": {"activation": {"algorithm": observer}}} if observer and not smooth else None,
        recipes={"smooth_quant": True, "smooth_quant_args": {"alpha": observer}} if smooth else {},
    )
    with tempfile.TemporaryDirectory() as folder:
        IncQuantizer.from_pretrained(args.model).quantize(config, f"{folder}/out", calibration_dataset=calibration)
        model = IncModelForSequenceClassification.from_pretrained(f"{folder}/out")
        stock = None if smooth else AutoModelForSequenceClassification.from_pretrained(f"{folder}/out")
        return model, stock, weights_size(Path(folder) / "out")


@torch.no_grad()
def invariance(model, tokenizer, sentences: list[str]) -> float:
    """Share of the sentences whose logits agree to 1e-5 alone, padded to 128 tokens, and in batches of 32."""
    alone = torch.cat([model(**tokenizer([s], return_tensors="pt")).logits for s in sentences])
    settings = {"return_tensors": "pt", "padding": "max_length", "max_length": 128}
    padded = torch.cat([model(**tokenizer([s], **settings)).logits for s in sentences])
    together = torch.cat([model(**batch).logits for batch in batches_of(sentences, model, tokenizer, 32)])
    agree = [(other - alone).abs().amax(1) < 1e-5 for other in (padded, together)]
    return float((agree[0] & agree[1]).double().mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/glue/sst2"))
    parser.add_argument("--model", default="runs/minilm-sst2")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/sst2_int8"))
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS))
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)

    sentences, labels = read_tsv(args.data / "validation.tsv")
    train_sentences, _ = read_tsv(args.data / "train.tsv")
    shuffled = torch.randperm(len(train_sentences), generator=torch.Generator().manual_seed(0))[: args.samples]
    calibration = [train_sentences[i] for i in shuffled.tolist()]
    fp32 = AutoModelForSequenceClassification.from_pretrained(args.model)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    batches = list(batches_of(sentences, fp32, tokenizer, batch_size=32))
    reference = predict(fp32, batches)
    size = weights_size(Path(args.model))
    results = [{"model": "FP32", "accuracy": score(reference, labels), "equal": 1.0, "bytes": size, "size": 1.0}]
    results[0] |= {"invariant": invariance(fp32, tokenizer, sentences[:INVARIANCE_SENTENCES]), "stock": None}
    for name in args.only:
        model, stock, quantized_size = quantize_and_load(args, *ROWS[name], calibration)
        predicted = predict(model, batches)
        results.append(
            {
                "model": name,
                "accuracy": score(predicted, labels),
                "equal": score(predicted, reference),
                "bytes": quantized_size,
                "size": quantized_size / size,
                "invariant": invariance(model, tokenizer, sentences[:INVARIANCE_SENTENCES]),
                "stock": None if stock is None else score(predict(stock, batches), predicted),
            }
        )
        print(results[-1], flush=True)
    write(args, results)


def score(predicted: torch.Tensor, expected: torch.Tensor) -> float:
    return float((predicted == expected).double().mean())


def write(args, results: list[dict]) -> None:
    about = {
        "task": "GLUE SST-2 validation, 872 sentences, MiniLM-L6 fine-tuned by scripts/finetune_sst2.py",
        "calibration": f"{args.samples} sentences of the training set",
        "cpu": platform.machine() + " " + torch.cpu.get_capabilities().get("cpu_name", ""),
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "versions": f"inc_hf {inc_hf.__version__}, torch {torch.__version__}, transformers {transformers.__version__}",
        "command": "python scripts/accuracy_sst2.py",
        "date": datetime.date.today().isoformat(),
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.with_suffix(".json").write_text(json.dumps({**about, "results": results}, indent=2) + "\n")
    lines = [f"# {about['task']}", "", *(f"- {key}: {value}" for key, value in list(about.items())[1:]), ""]
    lines += [
        f"Invariant: share of the first {INVARIANCE_SENTENCES} sentences whose logits agree to 1e-5 alone, padded to "
        "128 tokens, and in batches of 32. Stock: share of predictions that stock transformers with "
        "compressed-tensors makes equally from the same checkpoint.",
        "",
        "| model | accuracy | equal to FP32 | weights on disk | of FP32 | invariant | stock |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in results:
        lines.append(
            f"| {row['model']} | {row['accuracy']:.2%} | {row['equal']:.2%} | {row['bytes'] / 1e6:.1f} MB "
            f"| {row['size']:.1%} | {row['invariant']:.1%} "
            f"| {'–' if row['stock'] is None else format(row['stock'], '.2%')} |"
        )
    args.output.with_suffix(".md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
