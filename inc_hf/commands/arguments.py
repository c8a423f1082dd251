"""Arguments that several commands have, and what has to be true of them."""

import argparse
import re
from pathlib import Path

from inc_hf.errors import UsageError
from inc_hf.writable import check_writable

HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
SPLIT = "validation"
OF_SCORES = ("metric", "tolerance", "max_trials", "resume_from")  # options that mean nothing without a score


def add_model_argument(parser: argparse.ArgumentParser, of: str = "a model") -> None:
    """MODEL, or the same as an option; [`model_of`] reads it."""
    parser.add_argument("model_positional", nargs="?", metavar="MODEL", help=f"directory or Hub name of {of}")
    parser.add_argument("-m", "--model", help="the same, as an option")


def model_of(args: argparse.Namespace, usage: str) -> str:
    """The model that was named.

    Args:
        usage (`str`): how to call the command.

    Raises:
        UsageError: there is none, it is a file, or neither a directory that exists nor a name as the Hub has them.
    """
    name = args.model or args.model_positional
    if name is None:
        raise UsageError(f"Which model? Give a directory or a Hub name: {usage}")
    if Path(name).is_file():
        raise UsageError(f"{name} is a file; give the directory that it lies in.")
    if not HUB_NAME.fullmatch(name) and not (name and Path(name).is_dir()):
        raise UsageError(f"There is no directory {name!r}, and a name on the Hub is NAME or USER/NAME.")
    return name


def add_score_arguments(group: argparse._ArgumentGroup) -> None:
    """Labelled data that a model is scored on; [`check_score_arguments`] checks them."""
    group.add_argument("--task", help="e.g. text-classification")
    group.add_argument(
        "--dataset", metavar="FILE|NAME", help="labelled csv, tsv, json or parquet file, or Hub dataset"
    )
    add_hub_arguments(group)
    group.add_argument("--metric", help="GLUE task whose metric counts, e.g. mrpc (default: accuracy)")


def add_hub_arguments(group: argparse._ArgumentGroup) -> None:
    """Which part of a dataset of the Hub."""
    group.add_argument("--dataset-config", metavar="NAME", help="configuration of a Hub dataset, e.g. sst2")
    group.add_argument("--split", help=f"split of a Hub dataset (default: {SPLIT})")


def check_output_file(path: str) -> None:
    """Refuse a file that could not be written when all else is done.

    Raises:
        UsageError: it is a directory, or lies where nothing can be written.
    """
    if Path(path).is_dir():
        raise UsageError(f"{path} is a directory; give the name of a file.")
    check_writable(Path(path).absolute().parent)


def check_score_arguments(args: argparse.Namespace) -> None:
    """Refuse data without a task to score it by, and a goal without data.

    Raises:
        UsageError: there is no `--task`, or nothing that is scored.
    """
    if args.dataset and not args.task:
        raise UsageError("A --dataset is for a score, which needs --task, e.g. text-classification.")
    check_goal_arguments(args)


def check_goal_arguments(args: argparse.Namespace) -> None:
    """Refuse what is of a score where there is none, since a goal that nobody looks at would seem to be met, and what
    is of a dataset of the Hub where there is none of it.

    Raises:
        UsageError: there is no `--dataset`, or no `--task`, or the dataset is a file.
    """
    given = [name for name in OF_SCORES if getattr(args, name, None) is not None]
    missing = [name for name in ("task", "dataset") if not getattr(args, name)]
    if given and missing:
        raise UsageError(f"--{_dashed(given[0])} is of a score, which needs --{' and --'.join(missing)}, too.")
    of_hub = [name for name in ("dataset_config", "split") if getattr(args, name) is not None]
    if of_hub and (not args.dataset or Path(args.dataset).exists()):
        came = f"{args.dataset} is a file" if args.dataset else "there is no --dataset"
        raise UsageError(f"--{_dashed(of_hub[0])} is of a dataset of the Hub, and {came}.")


def check_used(args: argparse.Namespace, names: tuple[str, ...], what_for: str) -> None:
    """Refuse options that would mean nothing.

    Args:
        names: of the options that would not be looked at.
        what_for (`str`): what they are for.

    Raises:
        UsageError: one of them was given.
    """
    for name in names:
        if getattr(args, name) is not None:
            raise UsageError(f"--{_dashed(name)} is for {what_for}; leave it out, or choose that.")


def _dashed(name: str) -> str:
    return name.replace("_", "-")
