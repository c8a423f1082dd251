"""`inc-hf info`."""

import argparse
from pathlib import Path

from inc_hf.commands import values
from inc_hf.commands.exit_codes import EXIT_OK
from inc_hf.commands.output import print_json
from inc_hf.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `inc-hf info` and of `optimum-cli inc info`."""
    parser.add_argument(
        "directory", nargs="?", type=values.path, metavar="DIR", help="a checkpoint; without it, about this machine"
    )
    parser.add_argument(
        "--optimized", action="store_true", help="load DIR, optimize it, and say what runs each part, and why not more"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def info(args: argparse.Namespace) -> int:
    """Print what a checkpoint holds, or what this machine offers; returns the exit code."""
    if args.directory is not None:
        _check_directory(args.directory)
    elif args.optimized:
        raise UsageError("--optimized is about a checkpoint; give its directory.")
    if args.optimized:
        return _explain(args)
    from rich.console import Console
    from rich.table import Table

    from inc_hf.commands.describe import describe_checkpoint, describe_machine
    from inc_hf.commands.describe_layers import FOR_PROGRAMS

    facts = describe_machine() if args.directory is None else describe_checkpoint(Path(args.directory))
    if args.json:
        print_json(args, facts)
        return EXIT_OK
    table = Table(title=str(args.directory or "this machine"), show_header=False)
    for key, value in facts.items():
        if key in FOR_PROGRAMS:
            continue
        text = "\n".join(f"{k}: {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(key.replace("_", " "), text)
    Console().print(table)
    return EXIT_OK


def _explain(args: argparse.Namespace) -> int:
    """Print what runs each part of an optimized model."""
    from rich.console import Console
    from rich.table import Table

    from inc_hf.commands.loading import load_model
    from inc_hf.inference.explain import HEADINGS, explain
    from inc_hf.inference.optimize import optimize

    explanation = explain(optimize(load_model(args.directory, None)))
    if args.json:
        print_json(args, explanation.to_dict())
        return EXIT_OK
    table = Table(*HEADINGS, title=f"{args.directory}, optimized")
    for row in explanation.rows():
        table.add_row(*row)
    Console().print(table)
    return EXIT_OK


def _check_directory(name: str) -> None:
    if not Path(name).exists():
        raise UsageError(f"{name} holds no checkpoint: there is no such directory.")
    if Path(name).is_file():
        raise UsageError(f"{name} holds no checkpoint: it is a file; give the directory that it lies in.")
