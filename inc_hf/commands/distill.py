"""`inc-hf distill`."""

import argparse

from inc_hf.commands.exit_codes import EXIT_CODES
from inc_hf.commands.training.arguments import add_distillation_arguments, add_shared_arguments

EPILOG = f"""\
example:
  inc-hf distill SMALL --teacher LARGE -o OUT --task text-classification --dataset train.tsv --eval validation.tsv

{EXIT_CODES}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `inc-hf distill` and of `optimum-cli inc distill`."""
    add_shared_arguments(parser, EPILOG)
    add_distillation_arguments(parser.add_argument_group("distillation"), is_needed=True)


def distill(args: argparse.Namespace) -> int:
    """Let a model learn from a teacher, and save it in float; returns the exit code."""
    from inc_hf.commands.training.start import start

    return start(args, "distill", "distilled")
