"""The score of a model, by the evaluation that the user gives."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn

from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.evaluation.inc_metric import evaluate_metric
from inc_hf.quantize.workflow import evaluating


def scoring(
    eval_func: Callable[[nn.Module], float | dict[str, float]] | None = None,
    eval_dataloader: Iterable | None = None,
    eval_metric: Any = None,
    metric_name: str | None = None,
) -> Callable[[nn.Module], float] | None:
    """Model -> score, in evaluation mode and without gradients; None if there is nothing to evaluate by.

    Args:
        eval_func: model -> score, or a dict of scores of which `metric_name` counts. What it raises is raised.
        eval_dataloader, eval_metric: instead of it, see [`evaluate_metric`].

    Raises:
        ValueError: only one of `eval_dataloader` and `eval_metric`.
    """
    if eval_func is None and (eval_dataloader is None) != (eval_metric is None):
        raise UsageError("`eval_dataloader` and `eval_metric` go together; pass both, or `eval_func`.")
    if eval_func is None and eval_dataloader is not None:
        eval_func = evaluate_metric(eval_dataloader, eval_metric)
    if eval_func is None:
        return None

    def score(model: nn.Module) -> float:
        with torch.no_grad(), evaluating(model):
            return check_score(eval_func(model), metric_name)

    return score


def check_score(score: Any, metric: str | None = None) -> float:
    """The number that an evaluation function returned.

    Args:
        score: a number, or the dict of an `evaluate` metric.
        metric (`str`, *optional*): which entry of a dict counts; needed if it has several.

    Raises:
        TypeError, ValueError: not a number, NaN, or a dict without the entry.
    """
    if isinstance(score, Mapping):
        if not score:
            raise UsageError("The evaluation function returned an empty dict; it must return at least one score.")
        if metric is None and len(score) != 1:
            raise UsageError(
                f"The evaluation function returned several scores ({', '.join(score)}); name the one that counts "
                f'with `metric_name`, e.g. metric_name="{next(iter(score))}".'
            )
        key = metric or next(iter(score))
        if key not in score:
            raise UsageError(f"The evaluation function returned no {key!r}, only {', '.join(score)}.")
        score = score[key]
    try:
        value = float(None if isinstance(score, str) else score)  # "0.5" is no number either
    except (TypeError, ValueError) as error:
        raise UsageTypeError(
            f"The evaluation function must return a number or a dict of numbers, got {score!r} "
            f"({type(score).__name__})."
        ) from error
    if math.isnan(value):
        raise UsageError(f"The evaluation function must return a number, got {score!r}.")
    return value
