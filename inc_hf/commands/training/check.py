"""What would fail in the end fails before anything is loaded."""

import argparse
from pathlib import Path

from inc_hf.commands.arguments import check_apart, check_model, check_used, model_of
from inc_hf.commands.training.arguments import TASKS
from inc_hf.commands.training.plan import Plan
from inc_hf.errors import UsageError, usage_error_for

OF_TRAINING = (
    "epochs", "learning_rate", "batch_size", "max_steps", "max_length", "seed", "teacher", "temperature", "workspace",
)  # fmt: skip
OF_HUB = ("dataset_config", "split", "eval_split")


def check_arguments(args: argparse.Namespace, plan: Plan, command: str) -> str:
    """The name of the model, when nothing of the options contradicts another one.

    Raises:
        UsageError: an option, or what lies on the disk, is not as it has to be.
    """
    name = model_of(args, f"inc-hf {command} MODEL -o DIR")
    _check_data(args, command)
    if args.dataset is None:
        _check_without_training(args, plan)
    elif args.texts:
        raise UsageError("--texts is for pruning without training; with a --dataset leave it out.")
    if args.epochs is not None and args.max_steps is not None:
        raise UsageError("--epochs and --max-steps both say how long the training is; leave out one.")
    if plan.teacher is not None:
        check_model(plan.teacher)
    _check_output(args, name)
    return name


def _check_data(args: argparse.Namespace, command: str) -> None:
    if args.dataset is None and command != "prune":
        raise UsageError(f"inc-hf {command} needs data to learn from: give --dataset FILE|NAME and --task.")
    if (args.dataset or args.eval) and args.task is None:
        raise UsageError(f"What is the model for? Give --task, one of {', '.join(TASKS)}.")
    if args.task is not None and args.task not in TASKS:
        raise UsageError(
            f"--task {args.task}: only models for {', '.join(TASKS)} are trained here; for others there are callbacks "
            "for the Trainer of transformers, see docs/train.md."
        )
    if args.metric is not None and args.eval is None:
        raise UsageError("--metric is what --eval is judged by, and there is none.")
    if args.dataset and args.eval and _is_same(args.dataset, args.eval):
        raise UsageError(f"{args.eval} is what is trained on; judge by other data, or leave --eval out.")
    given = [name for name in OF_HUB if getattr(args, name) is not None]
    if given and all(name is None or Path(name).exists() for name in (args.dataset, args.eval)):
        raise UsageError(f"--{given[0].replace('_', '-')} is of a dataset of the Hub, and there is none.")


def _is_same(dataset: str, evaluation: str) -> bool:
    return Path(dataset).is_file() and Path(evaluation).is_file() and Path(dataset).samefile(evaluation)


def _check_without_training(args: argparse.Namespace, plan: Plan) -> None:
    check_used(args, OF_TRAINING, "a training, which needs a --dataset")
    for name in ("resume", "new_head", "bf16", "no_distill"):
        if getattr(args, name):
            raise UsageError(f"--{name.replace('_', '-')} is for a training, which needs a --dataset; leave it out.")
    if plan.training or {*(plan.distillation or ())} - {"trust_remote_code"}:
        raise UsageError(f"{args.config}: distillation and training are of a training, which needs a --dataset.")
    if not args.eval:
        check_used(args, ("text_column", "label_column"), "a --dataset, or --eval")
    if args.samples is not None and not args.texts:
        raise UsageError("--samples is of --texts, and there are none.")


def _check_output(args: argparse.Namespace, name: str) -> None:
    from huggingface_hub.utils import validate_repo_id

    from inc_hf.checkpoint.save import check_output_directory

    check_apart(args.output, name)
    check_output_directory(args.output, args.overwrite)
    if args.push_to_hub:
        with usage_error_for(f"{args.push_to_hub} cannot be a repository"):
            validate_repo_id(args.push_to_hub)
