"""Classify the texts of a file with a process for each core, by `datasets.map`.

    python examples/bulk_inference/predict.py int8 reviews.csv -o predictions.parquet --workers 2

Each process keeps its part in `--cache` when that is done: a run that was stopped, or that lost a process, is started
again with the same line, and does only what is missing. Another model, or one that has changed, begins anew.
"""

import argparse
import hashlib
import json
import time
from functools import partial
from pathlib import Path

from classifier import classifier_of, parsed, parser_of, say_speed
from datasets import load_dataset

FORMATS = {".csv": ("csv", ","), ".tsv": ("csv", "\t"), ".json": ("json", None), ".jsonl": ("json", None)}
FORMATS |= {".parquet": ("parquet", None)}


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = parser_of(__doc__, FORMATS, "a Parquet file")
    parser.add_argument("--cache", type=Path, help="default: a folder beside the output")
    return parsed(parser, FORMATS, arguments)


def fingerprint_of(model: str, texts: Path, column: str) -> str:
    """Of what the predictions hang on: the texts and the files of a model's directory, by name, size and time."""
    paths = [texts, *sorted(Path(model).rglob("*"))]
    files = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return hashlib.sha256(json.dumps([model, column, files]).encode()).hexdigest()[:16]


def predict(batch: dict, model: str, column: str) -> dict:
    return classifier_of(model, column)(batch)


def main(arguments: list[str] | None = None) -> None:
    args = parse_args(arguments)
    name, separator = FORMATS[args.texts.suffix]
    options = {"sep": separator} if separator else {}
    cache = args.cache or args.output.parent / f".{args.output.stem}-parts"
    texts = load_dataset(name, data_files=str(args.texts), split="train", cache_dir=str(cache), **options)
    fingerprint = fingerprint_of(args.model, args.texts, args.column)
    since = time.perf_counter()
    done = texts.map(
        partial(predict, model=args.model, column=args.column),
        batched=True,
        batch_size=args.batch_size,
        num_proc=args.workers,
        cache_file_name=str(cache / f"predictions-{fingerprint}.arrow"),
        new_fingerprint=fingerprint,
    )
    say_speed(len(done), since, args.workers)
    done.to_parquet(args.output)
    print(f"{args.output}: {', '.join(done.column_names)}")


if __name__ == "__main__":
    main()
