"""Every architecture of transformers that a tiny config can build, through all that this package does with a model.

    python scripts/check_architectures.py                     # benchmarks/architectures.{json,md}
    python scripts/check_architectures.py --only bert,gpt2 --without onnx       # writes no table without --output
    python scripts/check_architectures.py --again             # those with faults in benchmarks/architectures.json

Each runs in a process of its own, with a time limit: what crashes or hangs is one line of the table.
"""

import argparse
import logging
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
import transformers
from architectures.checks import STEPS, check
from architectures.heads import HEADS, model_types
from architectures.outcome import Result
from architectures.processes import in_processes
from architectures.stock import stock_server
from architectures.table import right_ones, write
from transformers import CONFIG_MAPPING

TABLE = Path("benchmarks/architectures")


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """What is asked for. The table of all is not replaced by that of some, which needs an `--output` to be written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=lambda text: text.split(","), help="model types, separated by commas")
    parser.add_argument("--again", action="store_true", help="those with faults in the JSON file of an earlier run")
    parser.add_argument("--head", choices=HEADS, help="one for all, instead of the first that each has")
    parser.add_argument("--without", nargs="*", choices=STEPS, default=[], help="steps to leave out")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time, default: all CPUs")
    parser.add_argument("--seconds", type=float, default=180, help="for one architecture, default: 180")
    parser.add_argument("--output", type=Path, help=f"default: {TABLE}, and nothing where --only, --without or --head")
    args = parser.parse_args(argv)
    if args.output is None and (args.again or not (args.only or args.without or args.head)):
        args.output = TABLE
    return args


def quiet() -> None:
    """One thread for each process, and no words but those of the table."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    logging.getLogger("inc_hf").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")


def names_of(args: argparse.Namespace, kept: list[Result]) -> list[str]:
    if not args.again:
        return args.only or model_types()
    right = {result.model_type for result in kept}
    return [name for name in model_types() if name not in right]


def main() -> None:
    args = parse_args()
    kept = right_ones(args.output, args.only or []) if args.again else []
    names = names_of(args, kept)
    if unknown := sorted(set(names) - set(CONFIG_MAPPING)):
        sys.exit(f"transformers {transformers.__version__} has no models of type {', '.join(unknown)}.")
    head = args.head if args.head else ""
    jobs = {name: lambda name=name: check(name, head, frozenset(args.without)) for name in names}
    results = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with stock_server():
            for result in in_processes(jobs, args.jobs, args.seconds):
                results.append(result)
                print(f"[{len(results)}/{len(names)}] {result.seconds:.0f} s {result.line()}", flush=True)
                for step, outcome in result.faults.items():
                    print(f"    FAULT {step}: {outcome.note}", flush=True)
    finally:  # interrupted, it has a table of what there is
        if args.output is not None:
            write(args.output, results, args.without, kept)


if __name__ == "__main__":
    quiet()
    main()
