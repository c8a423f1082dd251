"""`inc-hf report`."""

import argparse
from pathlib import Path

from inc_hf.commands import values
from inc_hf.commands.exit_codes import EXIT_OK
from inc_hf.commands.output import is_json, print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `inc-hf report` and of `optimum-cli inc report`."""
    parser.add_argument(
        "directory",
        type=values.path,
        metavar="DIR",
        help="a checkpoint, the workspace of a search or a diagnosis, what a Trainer wrote, or all in one",
    )
    parser.add_argument(
        "-o", "--output", type=values.path, metavar="FILE", default="report.html", help="default: %(default)s"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is no report")


def report(args: argparse.Namespace) -> int:
    """Write one HTML page; returns the exit code."""
    from rich.console import Console

    from inc_hf.report import check_replaceable, facts_of, write_page

    output = Path(args.output)
    check_replaceable(output, args.overwrite)
    facts = facts_of(args.directory)
    write_page(facts, output)
    if is_json(args):
        print_json(args, {"page": str(output)})
        return EXIT_OK
    Console().print(f"{output}: one page, which any browser opens", highlight=False, soft_wrap=True)
    return EXIT_OK
