"""What a model said to a batch beside what is right, in a form that metrics can count."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.errors import UsageError
from inc_hf.models.labels import IGNORED


class Problem(Enum):
    """What a model answers; the values are those of `problem_type` in configs of transformers."""

    CLASSES = "single_label_classification"
    LABELS = "multi_label_classification"
    NUMBERS = "regression"


@dataclass(frozen=True)
class Answers:
    """Logits of shape `(answers, classes)` with labels of shape `(answers,)`, for several labels a sample of that of
    the logits; of numbers both have shape `(answers,)`. They come from so many `samples`."""

    problem: Problem
    outputs: Tensor
    labels: Tensor
    samples: int


def problem_of(model: nn.Module, outputs: Tensor, labels: Tensor) -> Problem:
    """What the model is for: as its config says, otherwise as transformers guesses from the shapes."""
    said = getattr(getattr(model, "config", None), "problem_type", None)
    if said is not None:
        return Problem(said)
    if outputs.ndim < 2 or outputs.shape[-1] == 1:
        return Problem.NUMBERS
    return Problem.LABELS if labels.shape == outputs.shape else Problem.CLASSES


def answers_of(model: nn.Module, outputs: Tensor, labels: Any, first_row: int = 0) -> Answers:
    """The answers to a batch, without those that are not to be counted.

    Args:
        outputs (`torch.Tensor` of shape `(batch, ..., classes)`): logits.
        labels: of shape `(batch, ...)`; -100 is not counted.
        first_row (`int`): the number of the batch's first sample, for messages.

    Raises:
        ValueError: there are more or fewer labels than outputs, or a label is none of the classes.
    """
    labels = torch.as_tensor(labels)
    problem = problem_of(model, outputs, labels)
    if problem is Problem.NUMBERS:
        return numbers_of(outputs, labels, first_row)
    if problem is Problem.LABELS:
        _check_counts(outputs, labels, outputs.numel())
        _check(labels, (labels == 0) | (labels == 1), first_row, "several labels a sample are 0 or 1 each")
        shape = (-1, outputs.shape[-1])
        return Answers(problem, outputs.reshape(shape), labels.reshape(shape).bool(), len(outputs))
    return classes_of(outputs, labels, first_row)


def classes_of(outputs: Tensor, labels: Any, first_row: int = 0) -> Answers:
    """Logits `(batch, ..., classes)` and labels `(batch, ...)`, one class each; as [`answers_of`]."""
    labels, classes = torch.as_tensor(labels), outputs.shape[-1]
    _check_counts(outputs, labels, outputs.numel() // classes)
    check_classes(labels, classes, first_row)
    samples, outputs, labels = len(outputs), outputs.reshape(-1, classes), labels.reshape(-1).long()
    known = labels != IGNORED
    return Answers(Problem.CLASSES, outputs[known], labels[known], samples)


def numbers_of(outputs: Tensor, labels: Any, first_row: int = 0) -> Answers:
    """Numbers and what they should be, of one shape but for axes of length 1; as [`answers_of`]."""
    labels = torch.as_tensor(labels)
    if outputs.squeeze().shape != labels.squeeze().shape:  # never broadcast
        _refuse_shapes(outputs, labels)
    _check(labels, labels.isfinite(), first_row, "labels are finite numbers")
    return Answers(Problem.NUMBERS, outputs.reshape(-1), labels.reshape(-1), len(outputs))


def check_classes(labels: Tensor, classes: int, first_row: int = 0) -> None:
    """Raise ValueError for a label that is none of `classes`, with its value and row."""
    labels = labels.long() if labels.dtype == torch.bool else labels
    allowed = (labels >= 0) & (labels < classes) & (labels == labels.round()) | (labels == IGNORED)
    _check(labels, allowed, first_row, f"labels are 0 to {classes - 1}, or {IGNORED} for what is not to be counted")


def _check(labels: Tensor, allowed: Tensor, first_row: int, what: str) -> None:
    if not allowed.all():
        place = (~allowed).nonzero()[0].tolist()
        label, row = labels[tuple(place)].item(), first_row + (place[0] if place else 0)
        raise UsageError(
            f"The evaluation data does not fit the model: label {label} in row {row} (the first is 0) is out of "
            f"range: {what}."
        )


def _check_counts(outputs: Tensor, labels: Tensor, count: int) -> None:
    if labels.numel() != count:
        _refuse_shapes(outputs, labels)


def _refuse_shapes(outputs: Tensor, labels: Tensor) -> None:
    raise UsageError(
        f"The evaluation data does not fit the model: labels of shape {tuple(labels.shape)} for outputs of shape "
        f"{tuple(outputs.shape)}. Classes have one label for each row of logits, numbers one for each output."
    )


def logits_of(output: Any) -> Tensor:
    """The logits that a model returned: a tensor, the entry of that name, or the first tensor of a tuple.

    Raises:
        ValueError: there are none, as in question answering.
    """
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping) or not isinstance(output, tuple | list):
        found = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    else:
        found = next((part for part in output if isinstance(part, Tensor)), None)
    if not isinstance(found, Tensor):
        raise UsageError(
            f"The model returned {type(output).__name__} without `logits` to score; pass `eval_func`, or "
            '`IncQuantizer(task="question-answering")` for a model of spans.'
        )
    return found
