"""What the commands load: models, tokenizers, datasets; and the score of a model on a dataset."""

import argparse
from typing import Any

from transformers import PreTrainedModel

from inc_hf import runtimes
from inc_hf.commands.arguments import SPLIT
from inc_hf.errors import usage_error_for
from inc_hf.evaluation.datasets import load_dataset_file_or_hub
from inc_hf.evaluation.tasks import evaluate_task
from inc_hf.models import tokenizer as tokenizers
from inc_hf.models.batches import batches_of
from inc_hf.models.tasks import auto_class_of


def load_model(name: str, task: str | None, **kwargs: Any) -> PreTrainedModel:
    """A checkpoint as the class of its task, otherwise as the one that wrote it."""
    with usage_error_for(f"{name} cannot be loaded"):
        return runtimes.load_model(auto_class_of(name, task), name, **kwargs)


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a checkpoint, or None if it has none."""
    with usage_error_for(f"The tokenizer of {name} cannot be loaded"):
        return tokenizers.load_tokenizer(name)


def load_dataset(args: argparse.Namespace) -> Any:
    """What `--dataset` names, or None."""
    if not args.dataset:
        return None
    with usage_error_for(f"{args.dataset} cannot be read as a dataset"):
        return load_dataset_file_or_hub(args.dataset, args.dataset_config, args.split or SPLIT, None)


def scores_of(model: PreTrainedModel, dataset: Any, tokenizer: Any, args: argparse.Namespace) -> dict[str, float]:
    """By `--task` and `--metric`."""
    return evaluate_task(model, batches_of(dataset, model, tokenizer, batch_size=32), args.task, args.metric)
