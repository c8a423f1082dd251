"""Whether labelled data fits a model, found by looking at it: a model without weights is enough."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from inc_hf.errors import UsageError
from inc_hf.evaluation.answers import Problem, check_classes
from inc_hf.evaluation.glue import check_fits
from inc_hf.models.batches import batches_of, labels_are_inputs
from inc_hf.models.labels import LABEL_COLUMNS, TAG_NAMES, in_order, label_numbers, order_of
from inc_hf.models.samples import main_names, refuse_empty, text_columns
from inc_hf.models.tasks import SCORED

KEYS = {"class": ("labels",), "span": ("start_positions", "end_positions"), "next token": ()}
CLASSIFIES = ("text-classification", "token-classification", "image-classification", "audio-classification")


def check_fits_calibration(model: nn.Module, data: Any, processor: Any) -> None:
    """Raise ValueError if one sample of the data is nothing that the model could be calibrated on, or has no text."""
    next(batches_of(data, model, processor, 1, keep_labels=labels_are_inputs(model)), None)
    check_texts(data, model)


def check_texts(data: Any, model: nn.Module) -> None:
    """Raise ValueError for the first row of a dataset (`datasets.Dataset`) that has no text."""
    if {*main_names(model), "inputs_embeds"}.intersection(data.column_names):
        return
    for name in filter(None, text_columns(data[0]) or ()):
        row = next((row for row, text in enumerate(data[name]) if text is None), None)
        if row is not None:
            refuse_empty(name, row)


def check_fits_evaluation(model: nn.Module, data: Any, processor: Any, task: str) -> None:
    """Raise ValueError for what an evaluation would refuse after a while: the columns, by one sample, or any of the
    labels.

    Args:
        model: which may be without weights.
        data (`datasets.Dataset`): one that can be read again.
    """
    batch = next(batches_of(data, model, processor, 1), {})
    for key in KEYS[SCORED[task].scored_by]:
        if key not in batch:
            refuse_columns(data.column_names, key)
    check_texts(data, model)
    if task in CLASSIFIES:
        is_one = _problem_of(model) is Problem.CLASSES
        for row, label in _labels(data, model, task == "token-classification"):
            if is_one:
                check_classes(torch.as_tensor([label]), model.config.num_labels, row)


def refuse_columns(names: list[str], key: str) -> None:
    """Raise ValueError for a dataset without labels, of which `key` names those that are missing."""
    if key != "labels":
        raise UsageError(
            f"Evaluation needs answers; the columns are {', '.join(names)}. Name them as SQuAD does: 'question', "
            f"'context' and 'answers', or give {key!r}, the place of an answer among the tokens."
        )
    has_header = not any(name.strip().isdigit() or " " in name.strip() for name in names)
    header = "" if has_header else " Is the first line of the file the names of its columns?"
    raise UsageError(
        f"Evaluation needs labels; the columns are {', '.join(names)}. Call theirs 'label', or say which it is "
        f"(--label-column).{header}"
    )


def check_metric(model: nn.Module, task: str, metric: str) -> None:
    """Raise ValueError if the metric of a task of GLUE is not for what a classifier answers."""
    if task in CLASSIFIES:
        check_fits(metric, _problem_of(model), model.config.num_labels)


def _problem_of(model: nn.Module) -> Problem:
    """As the config says; where it does not, several labels a sample are not told from classes."""
    said = model.config.problem_type
    if said is not None:
        return Problem(said)
    return Problem.NUMBERS if model.config.num_labels == 1 else Problem.CLASSES


def _labels(data: Any, model: nn.Module, per_token: bool = False) -> Iterator[tuple[int, Any]]:
    """Row and label, as the model's numbers; those of all tokens, but of several labels a sample none."""
    name = next((name for name in (*LABEL_COLUMNS, *TAG_NAMES) if name in data.column_names), None)
    order = order_of(data, model)
    for row, label in enumerate(data[name] if name else ()):
        number = in_order(label_numbers(label, model, row), order)
        if per_token or not isinstance(number, list | tuple):
            yield row, number
