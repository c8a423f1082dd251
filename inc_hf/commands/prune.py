"""`inc-hf prune`."""

import argparse

from inc_hf.commands import values
from inc_hf.commands.exit_codes import EXIT_CODES
from inc_hf.commands.training.arguments import (
    add_distillation_arguments,
    add_pruning_arguments,
    add_shared_arguments,
)
from inc_hf.recipe import SPARSITY

EPILOG = f"""\
examples:
  inc-hf prune MODEL -o OUT --task text-classification --dataset train.tsv --eval validation.tsv
  inc-hf prune MODEL -o OUT --sparsity 0.5 --texts calibration.txt    (at once, without training: costs accuracy)

{EXIT_CODES}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `inc-hf prune` and of `optimum-cli inc prune`."""
    add_shared_arguments(parser, EPILOG)
    pruning = parser.add_argument_group("pruning")
    add_pruning_arguments(pruning, f"default: {SPARSITY:g}")
    pruning.add_argument(
        "--texts",
        type=values.file,
        metavar="FILE",
        help="without a --dataset: texts to prune by, one a line",
    )
    pruning.add_argument("--samples", type=values.integer(1), metavar="N", help="of --texts (default: 128)")
    add_distillation_arguments(parser.add_argument_group("distillation, with a --dataset"))


def prune(args: argparse.Namespace) -> int:
    """Prune while the model learns from itself, or at once, and save it in float; returns the exit code."""
    from inc_hf.commands.training.start import start

    return start(args, "prune", "pruned")
