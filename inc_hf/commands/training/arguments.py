"""The options of `inc-hf train`, `prune` and `distill`, each defined once."""

import argparse

from inc_hf.commands import values
from inc_hf.commands.arguments import (
    COLUMNS,
    add_column_arguments,
    add_directory_argument,
    add_metric_argument,
    add_model_argument,
    add_trust_argument,
)
from inc_hf.recipe import BATCH, MAX_LENGTH

SEED = 42
TASKS = ("text-classification", "token-classification", "question-answering")
# Of options that a command does not have.
ABSENT = {
    "sparsity": None, "pattern": None, "texts": None, "samples": None, "teacher": None, "no_distill": False,
    "temperature": None, "no_quantize": True, "approach": None, "qat": False, "weight_bits": None,
}  # fmt: skip


def add_shared_arguments(parser: argparse.ArgumentParser, examples: str) -> None:
    """What all three have: the model, the data, the training, the output."""
    parser.formatter_class, parser.epilog = argparse.RawDescriptionHelpFormatter, examples
    parser.set_defaults(**ABSENT)
    add_model_argument(parser, "a float model")
    add_trust_argument(parser)
    add_directory_argument(parser, "the result")
    _add_data(parser.add_argument_group("data"))
    _add_training(parser.add_argument_group("training"))
    _add_output(parser.add_argument_group("output"))


def _add_data(data: argparse._ArgumentGroup) -> None:
    data.add_argument("--task", type=values.task, metavar="T", help=", ".join(TASKS))
    data.add_argument(
        "--dataset",
        type=values.path,
        metavar="FILE|NAME",
        help=f"to train on: csv, tsv, json or parquet file, or a Hub dataset; {COLUMNS}",
    )
    data.add_argument(
        "--eval",
        type=values.path,
        metavar="FILE|NAME",
        help="labelled data that judges the result; nothing is chosen by it",
    )
    data.add_argument("--dataset-config", type=values.path, metavar="NAME", help="of a Hub dataset, e.g. sst2")
    data.add_argument("--split", type=values.path, metavar="S", help="of a Hub dataset, to train on (default: train)")
    data.add_argument(
        "--eval-split", type=values.path, metavar="S", help="of a Hub dataset, for --eval (default: validation)"
    )
    add_column_arguments(data)
    add_metric_argument(data)
    data.add_argument(
        "--max-length",
        type=values.integer(8),
        metavar="N",
        help=f"tokens of a text, what is longer is cut (default: {MAX_LENGTH}, of question-answering what fits)",
    )


def _add_training(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--config",
        type=values.file,
        metavar="FILE",
        help="YAML or JSON with any field of the configs, in the sections pruning, distillation, quantization and "
        "training (TrainingArguments); options win",
    )
    group.add_argument(
        "--epochs",
        type=values.number(0, is_open=True),
        metavar="N",
        help="of the last training (default: by data)",
    )
    group.add_argument(
        "--learning-rate", type=values.number(0, is_open=True), metavar="X", help="of the last training"
    )
    group.add_argument("--batch-size", type=values.integer(1), metavar="N", help=f"default: {BATCH}")
    group.add_argument("--max-steps", type=values.integer(1), metavar="N", help="of each training, instead of epochs")
    group.add_argument("--seed", type=values.integer(0, 2**32 - 1), metavar="N", help=f"default: {SEED}")
    group.add_argument("--bf16", action="store_true", help="compute in bfloat16, where the CPU or GPU has it")
    group.add_argument("--new-head", action="store_true", help="begin with a new head, for the labels of the data")
    group.add_argument("--resume", action="store_true", help="go on with the same command, which was interrupted")
    group.add_argument(
        "--workspace", type=values.path, metavar="DIR", help="checkpoints of the run (default: in ~/.cache/inc_hf)"
    )


def _add_output(output: argparse._ArgumentGroup) -> None:
    output.add_argument("--overwrite", action="store_true", help="replace a directory that is not empty")
    output.add_argument("--push-to-hub", type=values.path, metavar="REPO", help="upload the result as well")


def add_pruning_arguments(group: argparse._ArgumentGroup, when: str) -> None:
    """How far to prune.

    Args:
        when (`str`): what happens without `--sparsity`.
    """
    group.add_argument(
        "--sparsity", type=values.sparsity, metavar="X", help=f"share of weights that become zero ({when})"
    )
    group.add_argument("--pattern", type=values.blocks, metavar="P", help="4x1 (default), 1x1, 2:4, …")


def add_distillation_arguments(group: argparse._ArgumentGroup, is_needed: bool = False) -> None:
    """From whom to learn."""
    teacher = "whose logits are learned" + ("" if is_needed else " (default: MODEL as it is, fine-tuned)")
    group.add_argument("--teacher", type=values.path, required=is_needed, metavar="MODEL", help=teacher)
    group.add_argument(
        "--temperature", type=values.number(0, is_open=True), metavar="X", help="of the logits (default: 2)"
    )
    if not is_needed:
        group.add_argument("--no-distill", action="store_true", help="learn from the labels alone")


def add_quantization_arguments(group: argparse._ArgumentGroup) -> None:
    """INT8 at the end, or during the training."""
    group.add_argument("--no-quantize", action="store_true", default=False, help="save a float model")
    group.add_argument("--qat", action="store_true", help="round weights during the training, too")
    group.add_argument(
        "--approach", type=values.one_of(("dynamic", "static")), metavar="A", help="dynamic (default) or static"
    )
    group.add_argument("--weight-bits", type=values.integer(2, 8), metavar="N", help="2 to 8 (default: 8)")
