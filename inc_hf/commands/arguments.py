"""Arguments that several commands have, and what has to be true of them."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from inc_hf.commands import values
from inc_hf.config.arguments import check_place
from inc_hf.errors import UsageError
from inc_hf.writable import check_writable

SPLIT = "validation"
CONFIGS = ("config.json", "adapter_config.json")
COLUMNS = "texts are read from sentence, text, or a pair such as sentence1 and sentence2, labels from label"
OF_SCORES = ("metric", "tolerance", "max_trials", "resume_from")  # options that mean nothing without a score


def add_model_argument(parser: argparse.ArgumentParser, of: str = "a model") -> None:
    """MODEL, or the same as an option; [`model_of`] reads it."""
    parser.add_argument("model_positional", nargs="?", metavar="MODEL", help=f"directory or Hub name of {of}")
    parser.add_argument("-m", "--model", type=values.path, help="the same, as an option")


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    """Of commands that load models."""
    parser.add_argument(
        "--trust-remote-code",
        action="store_true",
        help="execute code that lies beside a model, which one that transformers does not have needs",
    )


def add_directory_argument(parser: argparse.ArgumentParser, what: str) -> None:
    """`--output`, the directory that is written."""
    parser.add_argument("-o", "--output", required=True, type=values.path, metavar="DIR", help=f"where to save {what}")


def add_keep_fp32_argument(group: argparse._ArgumentGroup) -> None:
    """What stays in float, by name; [`model_of`] gives back a MODEL that stands behind it."""
    group.add_argument(
        "--keep-fp32",
        nargs="+",
        action="extend",
        default=[],
        type=values.pattern,
        metavar="REGEX",
        help="modules that stay in float, by their whole names, e.g. 'classifier' '.*pooler.*'",
    )


def model_of(args: argparse.Namespace, usage: str) -> str:
    """The model that was named.

    Args:
        usage (`str`): how to call the command.

    Raises:
        UsageError: there is none or two, or [`check_model`] refuses it.
    """
    named = [name for name in (args.model, args.model_positional) if name is not None]
    kept = getattr(args, "keep_fp32", [])
    if not named and kept and Path(kept[-1]).is_dir():  # which took what was meant for MODEL
        named = [kept.pop()]
    if not named:
        behind = f"; {kept[-1]!r} was taken for a value of --keep-fp32, so put MODEL before it" if kept else ""
        raise UsageError(f"Which model? Give a directory or a Hub name: {usage}{behind}")
    if len(named) > 1:
        raise UsageError(f"Which model, {named[1]!r} or {named[0]!r} (-m)? Give one: {usage}")
    check_model(named[0])
    return named[0]


def check_model(name: str) -> None:
    """Refuse what is a file, a directory without a model, or neither a directory nor a name as the Hub has them."""
    check_place("model", name)
    if Path(name).is_dir():
        check_holds_model(Path(name))
    else:
        from inc_hf.models.hub import reached

        reached(name, CONFIGS)  # a mistyped name is said before torch is loaded


def check_holds_model(directory: Path) -> None:
    """Refuse a directory without a config, with the names of those below it that have one."""
    if any((directory / name).is_file() for name in CONFIGS):
        return
    inside = sorted(path.parent.as_posix() for path in directory.glob("*/config.json"))
    hint = f"; did you mean {', '.join(inside[:5])}?" if inside else "."
    raise UsageError(f"{directory.as_posix()} holds no model: it has no config.json{hint}")


def check_apart(output: str, name: str, instead: str = "choose another directory for the result") -> None:
    """Refuse to write to where the model is read from, which would be lost."""
    if Path(name).is_dir() and Path(output).resolve() == Path(name).resolve():
        raise UsageError(f"{output} is the model itself; {instead}.")


def add_score_arguments(group: argparse._ArgumentGroup) -> None:
    """Labelled data that a model is scored on; [`check_score_arguments`] checks them."""
    group.add_argument("--task", type=values.task, help="e.g. text-classification")
    group.add_argument(
        "--dataset",
        type=values.path,
        metavar="FILE|NAME",
        help=f"labelled csv, tsv, json or parquet file, or Hub dataset; {COLUMNS}",
    )
    add_hub_arguments(group)
    add_column_arguments(group)
    add_metric_argument(group)


def add_metric_argument(group: argparse._ArgumentGroup) -> None:
    """What counts."""
    group.add_argument(
        "--metric", type=values.metric, help="accuracy (default), f1, or a GLUE task whose metric counts, e.g. stsb"
    )


def add_column_arguments(group: argparse._ArgumentGroup) -> None:
    """Where a dataset has other names for its columns."""
    group.add_argument("--text-column", type=values.path, metavar="NAME", help="the column with the texts")
    group.add_argument("--label-column", type=values.path, metavar="NAME", help="the column with the labels")


def add_hub_arguments(group: argparse._ArgumentGroup) -> None:
    """Which part of a dataset of the Hub."""
    group.add_argument(
        "--dataset-config", type=values.path, metavar="NAME", help="configuration of a Hub dataset, e.g. sst2"
    )
    group.add_argument("--split", type=values.path, help=f"split of a Hub dataset (default: {SPLIT})")


def check_output_file(path: str, models: Iterable[str] = ()) -> None:
    """Refuse a file that could not be written when all else is done, or that is a part of one of the models.

    Raises:
        UsageError: it is a directory, lies where nothing can be written, or would replace what is read.
    """
    from inc_hf.checkpoint.stale import is_file_of_model

    file = Path(path)
    if file.is_dir():
        raise UsageError(f"{path} is a directory; give the name of a file.")
    for name in models:
        if file.is_file() and file.resolve().parent == Path(name).resolve() and is_file_of_model(file.name):
            raise UsageError(f"{path} is a file of the model {name}; choose another name.")
    check_writable(file.absolute().parent)


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
        raise UsageError(f"--{_dashed(given[0])} needs --{' and --'.join(missing)}, too.")
    for name in ("text_column", "label_column"):
        if getattr(args, name) is not None and not args.dataset:
            raise UsageError(f"--{_dashed(name)} is of a --dataset, and there is none.")
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
