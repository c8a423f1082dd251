"""`inc-hf train`."""

import argparse

from inc_hf.commands.exit_codes import EXIT_CODES
from inc_hf.commands.training.arguments import (
    add_distillation_arguments,
    add_pruning_arguments,
    add_quantization_arguments,
    add_shared_arguments,
)

EPILOG = f"""\
examples:
  inc-hf train MODEL -o OUT --task text-classification --dataset train.tsv --eval validation.tsv --sparsity 0.8
  inc-hf train MODEL -o OUT --task text-classification --dataset train.tsv --qat --weight-bits 4
  accelerate launch --multi_gpu --num_processes 2 -m inc_hf.cli train MODEL -o OUT …    (two processes, also on CPUs)

{EXIT_CODES}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `inc-hf train` and of `optimum-cli inc train`."""
    add_shared_arguments(parser, EPILOG)
    parser.set_defaults(no_quantize=False)
    add_pruning_arguments(parser.add_argument_group("pruning"), "default: none")
    add_distillation_arguments(parser.add_argument_group("distillation, with --sparsity, --qat or --teacher"))
    add_quantization_arguments(parser.add_argument_group("quantization"))


def train(args: argparse.Namespace) -> int:
    """Fine-tune, prune, distil and quantize as the arguments say; returns the exit code."""
    from inc_hf.commands.training.start import start

    return start(args, "train", "compressed")
