"""Wrong command lines: every option of every command with every kind of value that does not fit, and combinations."""

import argparse
from collections.abc import Iterator

from wrong_uses.together import COMBINATIONS, STATIC, WITH_DATA
from wrong_uses.values import FITS, FITS_TRAINING, NUMBERS, VALUES

from inc_hf.commands.main import build_parser

TRAINED = [*WITH_DATA, "--dataset", "data.tsv"]
# What is right besides the option that is tried.
RIGHT = {
    "quantize": ["model", "-o", "out"],
    "export": ["model", "-o", "out"],
    "convert": ["model", "-o", "out"],
    "benchmark": ["int8", "--baseline", "model", "--seconds", "0.1", "--seq", "8"],
    "info": ["model"],
    "train": ["model", "-o", "out", *TRAINED],
    "prune": ["model", "-o", "out", *TRAINED],
    "distill": ["model", "--teacher", "model", "-o", "out", *TRAINED],
}
TRAINS = ("train", "prune", "distill")


SCORED = [*WITH_DATA, "--dataset", "data.tsv"]
CALIBRATED = [*STATIC, "--texts", "texts.txt"]
# Without which the option would be refused for another reason.
NEEDS = {
    **dict.fromkeys(
        ("metric", "tolerance", "max_trials", "batch_size", "resume_from", "workspace", "text_column", "label_column"),
        SCORED,
    ),
    **dict.fromkeys(("observer", "samples"), CALIBRATED),
    "smooth_quant": CALIBRATED[-2:],
    "dataset": WITH_DATA,
    "texts": STATIC,
}
NEEDS_TRAINING = {"metric": ["--eval", "other.tsv"]}


def wrong_uses() -> Iterator[list[str]]:
    """Arguments of `inc-hf`, none of which can be done as they stand, each once."""
    yield from map(list, dict.fromkeys(map(tuple, [*COMBINATIONS, *_single()])))


def _single() -> Iterator[list[str]]:
    """With one option that does not fit."""
    for command, parser in _commands(build_parser()).items():
        for action in parser._actions if command in RIGHT else ():
            for value in _values(action, command):
                yield _with(command, action, value)


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (subparsers,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return subparsers.choices


def _values(action: argparse.Action, command: str) -> list[str]:
    if action.nargs == 0:
        return []
    values = ("", "no_such") if action.choices else VALUES.get(action.dest, NUMBERS)
    fits = FITS_TRAINING if command in TRAINS else FITS
    return [value for value in values if value not in fits.get(action.dest, ())]


def _with(command: str, action: argparse.Action, value: str) -> list[str]:
    right = list(RIGHT[command])
    if not action.option_strings:
        return [command, value, *right[1:]]
    if action.dest == "model":
        return [command, "-m", value, *right[1:]]
    for flag in set(action.option_strings) & set(right):
        del right[right.index(flag) : right.index(flag) + 2]
    if command in TRAINS:
        return [command, *right, *NEEDS_TRAINING.get(action.dest, []), action.option_strings[-1], value]
    needed = ["--dataset", "data.tsv"] if action.dest == "task" and command != "export" else NEEDS.get(action.dest, [])
    return [command, *right, *needed, action.option_strings[-1], value]
