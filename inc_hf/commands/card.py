"""`inc-hf card`."""

import argparse
import re
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from inc_hf.commands import values
from inc_hf.commands.exit_codes import EXIT_OK
from inc_hf.commands.output import is_json, print_json
from inc_hf.errors import UsageError, usage_error_for

LICENSE = re.compile(r"[a-z0-9][a-z0-9.-]*")


def license_name(text: str) -> str:
    """A license by the identifier that the Hub has for it."""
    if LICENSE.fullmatch(text):
        return text
    raise ArgumentTypeError(f"it takes an identifier such as apache-2.0, mit or other, got {text!r}")


def hub_name(text: str) -> str:
    """The name of a repository on the Hub: a path of this machine is nobody's business."""
    from inc_hf.results.story import HUB_NAME

    if HUB_NAME.fullmatch(text) and not Path(text).exists():
        return text
    raise ArgumentTypeError(f"it takes a name on the Hub such as user/model, got {text!r}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `inc-hf card` and of `optimum-cli inc card`."""
    parser.add_argument("directory", type=values.path, metavar="DIR", help="a checkpoint of this package or a Trainer")
    parser.add_argument("--license", type=license_name, metavar="NAME", help="default: that of the base model")
    parser.add_argument("--base-model", type=hub_name, metavar="NAME", help="the model on the Hub it was made of")
    scores = parser.add_argument_group("scores")
    scores.add_argument(
        "--benchmark", type=values.file, metavar="FILE", help="what `inc-hf benchmark DIR --json FILE` wrote"
    )
    scores.add_argument("--dataset", type=values.path, metavar="NAME", help="what the score was computed on")
    scores.add_argument("--metric", type=values.path, metavar="NAME", help="what the score is")


def card(args: argparse.Namespace) -> int:
    """Write the card of a directory anew, with its picture and `inc_config.json`; returns the exit code."""
    from inc_hf.checkpoint.stale import CARD
    from inc_hf.commands.card_facts import facts_in
    from inc_hf.results.license import fetch_card, told_by_base
    from inc_hf.results.write_card import write_card

    directory = Path(args.directory)
    summary = facts_in(directory)
    _check_readable(directory / CARD)
    if args.benchmark:
        from inc_hf.commands.card_benchmark import with_benchmark

        summary = with_benchmark(summary, Path(args.benchmark))
    summary = {**summary, "tuning": _named(summary["tuning"], args)}
    if base := args.base_model or summary.get("base_model"):
        fetch_card(base)
        summary |= {"base_model": base, "from_base": {**told_by_base(base), **summary.get("from_base", {})}}
    if args.license:
        summary["from_base"] = {**summary.get("from_base", {}), "license": args.license}
    write_card(summary, directory, ["license"] if args.license else [])
    _say(directory / CARD, args)
    return EXIT_OK


def _say(file: Path, args: argparse.Namespace) -> None:
    from rich.console import Console

    if is_json(args):
        print_json(args, {"card": str(file)})
    else:
        Console().print(f"{file}: what you wrote outside of our part of it stays", soft_wrap=True)


def _check_readable(file: Path) -> None:
    """Refuse a card whose text could not be kept."""
    from huggingface_hub import ModelCard

    if file.is_file():
        with usage_error_for(f"{file} cannot be read; put it right, or move it away"):
            ModelCard(file.read_text(encoding="utf-8"))


def _named(tuning: dict[str, Any], args: argparse.Namespace) -> dict[str, Any]:
    """Scores with the names that the user has for what they are."""
    given = [name for name in ("dataset", "metric") if getattr(args, name) is not None]
    if given and tuning.get("score") is None:
        raise UsageError(
            f"--{given[0]} says what the score of {args.directory} is, and it has none; score it with `inc-hf "
            "benchmark DIR --baseline MODEL --task TASK --dataset DATA --json FILE`, and add --benchmark FILE."
        )
    named = {"metric": args.metric or tuning.get("metric"), "dataset": tuning.get("dataset")}
    if args.dataset:
        named["dataset"] = {**(named["dataset"] or {}), "name": args.dataset}
    return {**tuning, **{name: value for name, value in named.items() if value is not None}}
