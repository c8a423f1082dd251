"""What both ways share: their options, a classifier that loads its model once in each process, and what they print."""

import argparse
import time
from collections.abc import Collection
from functools import cache
from pathlib import Path

import torch
from transformers import AutoTokenizer

from inc_hf import IncModelForSequenceClassification, optimize


def parser_of(description: str, endings: Collection[str], output: str) -> argparse.ArgumentParser:
    """The options of both.

    Args:
        endings: of the names of files that can be read.
        output (`str`): what is written.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a quantized checkpoint: directory, or name on the Hub")
    parser.add_argument("texts", type=Path, help=f"one of {', '.join(endings)}")
    parser.add_argument("-o", "--output", type=Path, required=True, help=output)
    parser.add_argument("--column", default="text", help="of the texts, default: %(default)s")
    parser.add_argument("--workers", type=int, default=2, help="processes, default: %(default)s")
    parser.add_argument("--batch-size", type=int, default=32, help="default: %(default)s")
    return parser


def parsed(
    parser: argparse.ArgumentParser, endings: Collection[str], arguments: list[str] | None
) -> argparse.Namespace:
    """The arguments, with texts that can be read."""
    args = parser.parse_args(arguments)
    if args.texts.suffix not in endings:
        parser.error(f"{args.texts} ends with {args.texts.suffix!r}, not with one of {', '.join(endings)}")
    return args


class Classifier:
    """A batch of texts -> the same batch with `label` and `score`, by a quantized checkpoint, on one thread.

    Args:
        directory (`str`): of the checkpoint, or its name on the Hub.
        column (`str`, *optional*, defaults to `"text"`): of the texts.
    """

    def __init__(self, directory: str, column: str = "text"):
        torch.set_num_threads(1)  # there is a process for each core
        self.tokenizer = AutoTokenizer.from_pretrained(directory)
        self.model = optimize(IncModelForSequenceClassification.from_pretrained(directory).eval())
        self.column = column

    @torch.inference_mode()
    def __call__(self, batch: dict) -> dict:
        inputs = self.tokenizer(list(batch[self.column]), padding=True, truncation=True, return_tensors="pt")
        scores, labels = self.model(**inputs).logits.softmax(-1).max(-1)
        names = self.model.config.id2label
        return {**batch, "label": [names[int(label)] for label in labels], "score": scores.tolist()}


@cache
def classifier_of(directory: str, column: str) -> Classifier:
    """One for each process."""
    return Classifier(directory, column)


def say_speed(texts: int, since: float, workers: int) -> None:
    """How fast it was, with the time in which the workers have loaded their models."""
    seconds = time.perf_counter() - since
    print(f"{texts} texts in {seconds:.1f} s, {workers} workers: {texts / seconds:.0f} texts/s")
