"""`inc-hf migrate script.py`, and of folders and notebooks."""

import argparse
import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from inc_hf.commands.exit_codes import EXIT_OK
from inc_hf.errors import UsageError

if TYPE_CHECKING:
    from inc_hf.migrate.script.files import Migrated


def add_script_arguments(parser: argparse._ArgumentGroup) -> None:
    """What is about scripts, notebooks and folders."""
    parser.add_argument("--in-place", action="store_true", help="write the new source into the files themselves")
    parser.add_argument("--diff", action="store_true", help="print what changes, instead of the new source")
    parser.add_argument("--report", action="store_true", help="print the places that you must look at, as a table")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def migrate_scripts(path: Path, args: argparse.Namespace) -> int:
    """Print or write what becomes of a script, a notebook or a folder; returns the exit code."""
    from inc_hf.migrate.script import check_installed

    check_installed()
    from inc_hf.migrate.script.files import migrate, write

    migrated = migrate(path)
    if path.is_dir() and not migrated:
        raise UsageError(f"{path} has no script (.py) and no notebook (.ipynb).")
    written = write(migrated) if args.in_place else []
    if args.json:
        print(json.dumps([_as_data(each, each.path in written) for each in migrated], indent=2))
        return EXIT_OK
    if args.diff or path.is_dir() and not args.in_place and not args.report:
        print("".join(map(_diff, migrated)), end="")
    elif not args.in_place and not args.report:
        print(_text(migrated[0].new), end="")
    if args.report:
        _print_report(migrated)
    else:
        _say_marks(migrated)
    return EXIT_OK


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")


def _diff(migrated: "Migrated") -> str:
    old, new = (_text(content).splitlines(keepends=True) for content in (migrated.old, migrated.new))
    lines = difflib.unified_diff(old, new, str(migrated.path), str(migrated.path))
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _as_data(migrated: "Migrated", is_written: bool) -> dict:
    return {
        "file": str(migrated.path),
        "changed": migrated.is_changed,
        "written": is_written,
        "changes": dict(migrated.changes),
        "to_do": [mark.to_dict() for mark in migrated.marks],
        "notes": migrated.notes,
    }


def _print_report(migrated: Sequence["Migrated"]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    files = Table("file", "changes", "to look at", title="migrated")
    for each in migrated:
        changes = ", ".join(f"{count} {kind}" for kind, count in each.changes.items())
        files.add_row(str(each.path), changes or "none", str(len(each.marks) or ""))
    console.print(files)
    places = Table("place", "what", "what to do", title="places to look at")
    for mark in (mark for each in migrated for mark in each.marks):
        cell = f", cell {mark.cell}" if mark.cell else ""
        places.add_row(f"{mark.file}{cell}:{mark.line}", mark.what, mark.to_do)
    if places.row_count:
        console.print(places)
    for each in migrated:
        for note in each.notes:
            console.print(f"{each.path}: {note}", markup=False)


def _say_marks(migrated: Sequence["Migrated"]) -> None:
    """On the log, so that standard output is the source alone."""
    import logging

    count = sum(len(each.marks) for each in migrated)
    changed = sum(each.is_changed for each in migrated)
    logger = logging.getLogger("inc_hf.commands")
    logger.info(
        "%d of %d files change; %d places to look at (# TODO(inc_hf); --report).", changed, len(migrated), count
    )
