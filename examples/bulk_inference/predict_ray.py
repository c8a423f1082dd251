"""Classify the texts of a file with Ray Data, on one machine or on a cluster.

    pip install "ray[data]"
    python examples/bulk_inference/predict_ray.py int8 reviews.csv -o predictions --workers 2

Each worker loads the model once. What a worker has not finished when its process or its machine is lost, another one
does; no text is twice in the output, a folder of Parquet files.
"""

import argparse
import time

import ray
from classifier import Classifier, parsed, parser_of, say_speed

READERS = {".csv": ray.data.read_csv, ".json": ray.data.read_json, ".jsonl": ray.data.read_json}
READERS |= {".parquet": ray.data.read_parquet}


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = parser_of(__doc__, READERS, "a folder")
    parser.add_argument("--blocks", type=int, help="what is done again if a worker is lost, default: 8 for a worker")
    args = parsed(parser, READERS, arguments)
    if args.output.exists() and any(args.output.iterdir()):
        parser.error(f"{args.output} is not empty; choose another folder")
    return args


def predictions(args: argparse.Namespace, classifier: type = Classifier) -> "ray.data.Dataset":
    """Nothing is computed before it is written."""
    texts = READERS[args.texts.suffix](str(args.texts)).repartition(args.blocks or 8 * args.workers)
    return texts.map_batches(
        classifier,
        fn_constructor_args=(args.model, args.column),
        batch_size=args.batch_size,
        num_cpus=0.5,  # the number of workers is given; the other half of the cores is counted for reading and writing
        compute=ray.data.ActorPoolStrategy(size=args.workers),
    )


def main(arguments: list[str] | None = None, classifier: type = Classifier) -> None:
    args = parse_args(arguments)
    since = time.perf_counter()
    predictions(args, classifier).write_parquet(str(args.output.resolve()))
    say_speed(ray.data.read_parquet(str(args.output.resolve())).count(), since, args.workers)


if __name__ == "__main__":
    main()
