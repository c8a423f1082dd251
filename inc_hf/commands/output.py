"""What the commands say on standard output: a table, or one JSON object, or nothing."""

import argparse
import io
import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

from inc_hf.commands.processes import is_main


class Nowhere(io.TextIOBase):
    """Takes what nobody wants to read; never closed, since a logger may keep it."""

    def write(self, text: str) -> int:
        return len(text)


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """`--quiet` of every command; `--json` of those that have none of their own."""
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors (and --json)")
    if "--json" not in parser._option_string_actions:
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


@contextmanager
def speaking(args: argparse.Namespace | None) -> Iterator[None]:
    """While a command runs: with `--quiet`, and in all processes of a run but the first, nothing is said."""
    if args is None or (is_main() and not getattr(args, "quiet", False)):
        yield
        return
    args.stdout = sys.stdout if is_main() else Nowhere()
    logger, nowhere = logging.getLogger("inc_hf"), Nowhere()
    handlers, logger.handlers = logger.handlers, [logging.NullHandler()]
    try:
        with redirect_stdout(nowhere), redirect_stderr(nowhere):
            yield
    finally:
        logger.handlers = handlers


def is_json(args: argparse.Namespace) -> bool:
    """Whether the result goes to standard output as JSON; `--json FILE` of some commands is something else."""
    return getattr(args, "json", None) is True


def print_json(args: argparse.Namespace, facts: Any) -> None:
    """One object, also with `--quiet`."""
    print(json.dumps(facts, indent=2), file=getattr(args, "stdout", None) or sys.stdout)


def show(
    args: argparse.Namespace, title: str, facts: Mapping[str, Any], rows: Mapping[str, str], notes: Sequence[str] = ()
) -> None:
    """Print what came out of a command: `facts` as JSON, or a table of `rows` with lines of `notes` below it."""
    if is_json(args):
        print_json(args, {"title": title, **facts})
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, show_header=False)
    for name, text in rows.items():
        table.add_row(name, text)
    console = Console()
    console.print(table)
    for note in notes:
        console.print(note, highlight=False, soft_wrap=True)
