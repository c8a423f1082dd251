"""The score of a model, by the evaluation that the user gives."""

import json
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn

from inc_hf.config import AccuracyCriterion
from inc_hf.config.arguments import check_data, check_function, check_optional_string
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.evaluation.content import Content
from inc_hf.evaluation.direction import in_direction_of
from inc_hf.evaluation.inc_metric import evaluate_metric
from inc_hf.evaluation.metric_registry import object_of
from inc_hf.evaluation.named_data import named_data
from inc_hf.evaluation.tasks import check_repeatable
from inc_hf.models.samples import elements_of
from inc_hf.quantize.workflow import evaluating

logger = logging.getLogger(__name__)


class Scoring:
    """Model -> score, in evaluation mode and without gradients.

    Args:
        eval_func: model -> score, a list of scores, of which the first counts, or a dict of scores. What it raises is
            raised. Its `data`, if it has such an attribute, is what [`named_data`] says of the samples that it counts.
        metric: the metric or its name, None if that is seen when a dict with one score comes.
        metric_name: which entry of a dict counts.
        criterion: the goal.
        data: what the score is of, if that is known.
        content: the same as it is read, where that can be known again; of `eval_func`, its attribute of this name.

    Attributes:
        metric (`str` or `None`): its name, once that is known.
        data (`dict` or `None`): see [`named_data`].

    Raises:
        ValueError: the criterion contradicts the metric.
    """

    def __init__(
        self,
        eval_func: Callable,
        metric: Any,
        metric_name: str | None,
        criterion: AccuracyCriterion,
        data: Any = None,
        content: Content | None = None,
    ):
        self.eval_func, self.metric_name, self._has_told = eval_func, metric_name, False
        self.metric = metric_name or name_of(metric)
        self.data = getattr(eval_func, "data", None) if data is None else named_data(data)
        self.content = content or getattr(eval_func, "content", None)
        self.criterion = in_direction_of(criterion, metric)

    def __call__(self, model: nn.Module) -> float:
        with torch.no_grad(), evaluating(model):
            result = self._first(self.eval_func(model))
        score = check_score(result, self.metric_name)
        if isinstance(result, Mapping) and self.metric_name is None:
            self.metric = next(iter(result))
            self.criterion = in_direction_of(self.criterion, self.metric)
        return score

    def _first(self, result: Any) -> Any:
        """Of several scores in a list, as INC takes them, the first one counts."""
        if not _is_list(result):
            return result
        if not len(result):
            raise UsageError("The evaluation function returned an empty list; it must return at least one score.")
        if len(result) > 1 and not self._has_told:
            logger.warning("The evaluation function returned %d scores; the first one counts.", len(result))
            self._has_told = True
        return result[0]


def _is_list(result: Any) -> bool:
    return isinstance(result, list | tuple) or getattr(result, "ndim", 0) == 1


def scoring(
    eval_func: Callable[[nn.Module], float | dict[str, float]] | None = None,
    eval_dataloader: Iterable | None = None,
    eval_metric: Any = None,
    metric_name: str | None = None,
    criterion: AccuracyCriterion | None = None,
) -> Scoring | None:
    """Model -> score, with the goal in the direction of the metric; None if there is nothing to evaluate by.

    Args:
        eval_func: model -> score, or a dict of scores of which `metric_name` counts. What it raises is raised.
        eval_dataloader, eval_metric: instead of it, see [`evaluate_metric`].
        criterion: the goal, by default the default one.

    Raises:
        ValueError: only one of `eval_dataloader` and `eval_metric`, data that can be read once only, or a criterion
            that contradicts the metric.
    """
    criterion = criterion or AccuracyCriterion()
    check_function("eval_func", eval_func, "a function of the model that returns its score")
    check_data("eval_dataloader", eval_dataloader)
    check_optional_string("metric_name", metric_name)
    if eval_func is not None:
        return Scoring(eval_func, metric_name, metric_name, criterion)
    if (eval_dataloader is None) != (eval_metric is None):
        raise UsageError("`eval_dataloader` and `eval_metric` go together; pass both, or `eval_func`.")
    if eval_dataloader is None:
        return None
    check_repeatable(eval_dataloader, "eval_dataloader")
    eval_metric = object_of(eval_metric)
    content = _content_of(eval_dataloader, eval_metric)
    evaluate = evaluate_metric(eval_dataloader, eval_metric, content=content)
    return Scoring(evaluate, eval_metric, metric_name, criterion, eval_dataloader, content)


def _content_of(dataloader: Iterable, metric: Any) -> Content | None:
    """What can be known again: not what an object of the user makes of outputs, nor what is shuffled each time."""
    try:
        about = json.dumps(metric)
    except TypeError:
        return None
    return Content(lambda: elements_of(dataloader), {"metric": about})


def name_of(metric: Any) -> str | None:
    """What people call a metric: its name, `f1 macro` of one with an argument, or the class of an object."""
    if metric is None or isinstance(metric, str):
        return metric
    if isinstance(metric, Mapping):
        name, setting = next(iter(metric.items()), (None, None))
        setting = next(iter(setting.values()), None) if isinstance(setting, Mapping) else setting
        return " ".join(str(part) for part in (name, setting) if part is not None) or None
    return type(metric).__name__


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
