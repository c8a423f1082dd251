"""`inc-hf migrate script.py`, and of folders and notebooks."""

import argparse
import difflib
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from inc_hf.commands.exit_codes import EXIT_NOT_ALL_READ, EXIT_OK
from inc_hf.commands.migrate_report import for_programs, print_report
from inc_hf.commands.output import print_json
from inc_hf.errors import UsageError

if TYPE_CHECKING:
    from inc_hf.migrate.script.found import Found, Migrated


def add_script_arguments(parser: argparse._ArgumentGroup) -> None:
    """What is about scripts, notebooks and folders."""
    parser.add_argument("--in-place", action="store_true", help="write the new source into the files themselves")
    parser.add_argument("--diff", action="store_true", help="print what changes, instead of the new source")
    parser.add_argument(
        "--report", action="store_true", help="print what changes, and the places that you must look at"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="with --in-place: write the others, though some files of a folder cannot be read",
    )


def migrate_scripts(path: Path, args: argparse.Namespace) -> int:
    """Print or write what becomes of a script, a notebook or a folder; returns the exit code."""
    from inc_hf.migrate.script import check_installed

    check_installed()
    from inc_hf.migrate.script.files import look_through, write

    found = look_through(path)
    migrated = found.migrated
    if path.is_dir() and not migrated and not found.not_read:
        raise UsageError(f"{path} has no script (.py) and no notebook (.ipynb).")
    if args.in_place and not args.skip_unreadable:
        _check_all_read(found)
    written = write(migrated) if args.in_place else []
    if args.json:
        print_json(args, for_programs(found, written))
    else:
        _print(found, path.is_dir(), args)
    _say(found)
    return EXIT_NOT_ALL_READ if found.not_read else EXIT_OK


def _check_all_read(found: "Found") -> None:
    if found.not_read:
        raise UsageError(
            "Nothing was written, since these cannot be read; mend them, or leave them out with --skip-unreadable:\n"
            + "\n".join(f"{i}) {each.why}" for i, each in enumerate(found.not_read, 1))
        )


def _print(found: "Found", is_folder: bool, args: argparse.Namespace) -> None:
    if args.diff or is_folder and not args.in_place and not args.report:
        print("".join(map(_diff, found.migrated)), end="")
    elif not args.in_place and not args.report:
        print(_text(found.migrated[0].new), end="")
    if args.report:
        print_report(found)


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")


def _diff(migrated: "Migrated") -> str:
    old, new = (_text(content).splitlines(keepends=True) for content in (migrated.old, migrated.new))
    lines = difflib.unified_diff(old, new, str(migrated.path), str(migrated.path))
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _say(found: "Found") -> None:
    """On standard error, so that standard output is the source or the report alone."""
    for each in found.not_read:
        print(f"inc-hf: not read: {each.why}", file=sys.stderr)  # one line each: the log would break it
    for each in found.left_out:
        print(f"inc-hf: left out: {each.why}", file=sys.stderr)
    logging.getLogger("inc_hf.commands").info(
        "%d of %d files change; %d places to look at (# TODO(inc_hf); --report).",
        sum(each.is_changed for each in found.migrated),
        len(found.migrated),
        sum(len(each.marks) for each in found.migrated),
    )
