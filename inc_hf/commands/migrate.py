"""`inc-hf migrate`: a YAML file of INC 1.X as Python of 2.X, or as JSON; scripts and notebooks are rewritten."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from inc_hf.commands import values
from inc_hf.commands.exit_codes import EXIT_OK
from inc_hf.commands.migrate_scripts import add_script_arguments, migrate_scripts
from inc_hf.errors import UsageError

YAML = (".yaml", ".yml")
SCRIPTS = (".py", ".ipynb")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `inc-hf migrate`."""
    what = "a conf.yaml of INC 1.X, a script, a notebook, or a folder of scripts and notebooks"
    parser.add_argument("source", type=values.path, metavar="PATH", help=what)
    add_script_arguments(parser.add_argument_group("of scripts and notebooks"))
    conf = parser.add_argument_group("of a conf.yaml")
    conf.add_argument(
        "--to",
        choices=("python", "json"),
        default=None,
        help="source text (the default), or configs as data",
    )
    conf.add_argument(
        "--steps-per-epoch",
        type=values.integer(1),
        metavar="N",
        help="optimizer steps of one epoch, for --to json: 1.X pruned by epochs, 2.X by steps",
    )
    conf.add_argument("-o", "--output", type=values.path, metavar="FILE", help="where to write; default: print")


def migrate(args: argparse.Namespace) -> int:
    """Do what the kind of source needs; returns the exit code."""
    source = Path(args.source)
    if not source.exists():
        raise FileNotFoundError(f"There is no file {args.source!r}.")
    return _kind_of(source)(source, args)


def _kind_of(source: Path) -> Callable[[Path, argparse.Namespace], int]:
    if source.suffix.lower() in YAML and source.is_file():
        return _migrate_conf
    if source.suffix.lower() in SCRIPTS or source.is_dir():
        return _migrate_scripts
    raise UsageError(f"{source} is none of those whose names end in {', '.join((*YAML, *SCRIPTS))}, and no folder.")


def _migrate_scripts(source: Path, args: argparse.Namespace) -> int:
    of_conf = ("to", "steps_per_epoch", "output")
    if given := [f"--{name.replace('_', '-')}" for name in of_conf if getattr(args, name) is not None]:
        raise UsageError(f"{given[0]} is for a conf.yaml; {source} is none.")
    return migrate_scripts(source, args)


def _migrate_conf(source: Path, args: argparse.Namespace) -> int:
    from inc_hf.atomic import write_text
    from inc_hf.migrate.conf import read_conf
    from inc_hf.migrate.conf.as_json import as_json
    from inc_hf.migrate.conf.python_code import python_code
    from inc_hf.writable import check_writable

    of_scripts = ("in_place", "diff", "report", "json", "skip_unreadable")
    if given := [f"--{name.replace('_', '-')}" for name in of_scripts if getattr(args, name)]:
        hint = " (as data: --to json)" if given[0] == "--json" else ""
        raise UsageError(f"{given[0]} is for scripts, notebooks and folders; {source} is a conf{hint}.")
    if args.steps_per_epoch is not None and args.to != "json":
        raise UsageError("--steps-per-epoch is for --to json; the Python has `steps_per_epoch` as a variable.")
    if args.output is not None:
        _check_output(source, Path(args.output))
        check_writable(Path(args.output).parent)
    conf = read_conf(source)
    text = as_json(conf, args.steps_per_epoch) if args.to == "json" else python_code(conf).text()
    if args.output is None:
        sys.stdout.write(text)
    else:
        write_text(args.output, text)
    return EXIT_OK


def _check_output(source: Path, output: Path) -> None:
    """Refuse to write over what is read, and where nothing can be written."""
    if output.is_dir():
        raise UsageError(f"{output} is a directory; -o takes the name of a file.")
    if not output.parent.is_dir():  # `check_writable` would take one that is to be made
        raise FileNotFoundError(f"There is no directory {str(output.parent)!r} for {output.name}.")
    if output.exists() and output.samefile(source):
        raise UsageError(f"{output} is the file that is read; give another one with -o.")
