"""What the commands load: models, datasets; and the score of a model on a dataset."""

import argparse
from typing import Any

from transformers import PreTrainedModel

from inc_hf import runtimes
from inc_hf.evaluation.datasets import load_dataset_file_or_hub
from inc_hf.evaluation.tasks import evaluate_task
from inc_hf.models.batches import batches_of
from inc_hf.models.tasks import auto_class_of
from inc_hf.models.tokenizer import load_tokenizer

__all__ = ["load_dataset", "load_model", "load_tokenizer", "scores_of"]


def load_model(name: str, task: str | None, **kwargs: Any) -> PreTrainedModel:
    """A checkpoint as the class of its task, otherwise as the one that wrote it."""
    return runtimes.load_model(auto_class_of(name, task), name, **kwargs)


def load_dataset(args: argparse.Namespace) -> Any:
    """What `--dataset` names, or None."""
    if not args.dataset:
        return None
    return load_dataset_file_or_hub(args.dataset, args.dataset_config, args.split, None)


def scores_of(model: PreTrainedModel, dataset: Any, tokenizer: Any, args: argparse.Namespace) -> dict[str, float]:
    """By `--task` and `--metric`."""
    return evaluate_task(model, batches_of(dataset, model, tokenizer, batch_size=32), args.task, args.metric)
