"""The score of a model, by the evaluation that the user gives."""

import contextlib
import json
import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from inc_hf.config import AccuracyCriterion
from inc_hf.config.arguments import check_data, check_function
from inc_hf.config.checks import check_strings
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.evaluation.content import Content
from inc_hf.evaluation.direction import in_direction_of
from inc_hf.evaluation.inc_metric import evaluate_metric, split_metric
from inc_hf.evaluation.loop import Loop, Watch, watch_all
from inc_hf.evaluation.metric_registry import object_of
from inc_hf.evaluation.named_data import named_data
from inc_hf.evaluation.several import Several, is_list
from inc_hf.evaluation.tasks import check_repeatable
from inc_hf.models.samples import elements_of
from inc_hf.quantize.workflow import evaluating
from inc_hf.score import Score

logger = logging.getLogger(__name__)


class Scoring:
    """Model -> score, in evaluation mode and without gradients.

    Args:
        eval_func: model -> score, a list of scores, or a dict of scores. What it raises is raised. Its `data`, if it
            has such an attribute, is what [`named_data`] says of the samples that it counts.
        metric: the metric or its name, None if that is seen when a dict with one score comes.
        metric_name: which entry of a dict counts, or which entries. Of a list without any the first counts.
        criterion: the goal.
        data: what the score is of, if that is known.
        content: the same as it is read, where that can be known again; of `eval_func`, its attribute of this name.

    Attributes:
        metric (`str` or `None`): its name, once that is known.
        data (`dict` or `None`): see [`named_data`].
        criterion (`AccuracyCriterion`): of the score, with one loss and one direction, once these are known.
        several (`Several` or `None`): which scores count, where it is not one.

    Raises:
        ValueError: the criterion contradicts the metric.
    """

    def __init__(
        self,
        eval_func: Callable,
        metric: Any,
        metric_name: str | list[str] | None,
        criterion: AccuracyCriterion,
        data: Any = None,
        content: Content | None = None,
    ):
        if isinstance(metric_name, list) and len(metric_name) == 1 and not criterion.of_several:
            metric_name = metric = metric_name[0]
        self.eval_func, self._has_told = eval_func, False
        self.data = getattr(eval_func, "data", None) if data is None else named_data(data)
        if isinstance(metric_name, list) or criterion.of_several:
            names = [metric_name] if isinstance(metric_name, str) else metric_name
            self.several, self.criterion, self.metric = Several(names, criterion), criterion, None
            self.content = None  # what is kept of a float model is one score
            return
        self.several, self.metric_name = None, metric_name
        self.metric = metric_name or name_of(metric)
        self.content = content or getattr(eval_func, "content", None)
        self.criterion = in_direction_of(criterion, metric)

    def __call__(self, model: nn.Module, watch: Watch = watch_all) -> Score:
        """The score of a model that others are compared with, which has to be a number."""
        score = self._score(model, watch)
        if any(map(math.isnan, [score, *self._counted(score)])):
            told = dict(score.scores) if self.several else float(score)
            raise UsageError(f"The evaluation function must return a number, got {told!r}.")
        return score

    def _counted(self, score: Score) -> list[float]:
        return [] if self.several is None else [score.scores[name] for name in self.several.names]

    def of_trial(self, model: nn.Module, watch: Watch = watch_all) -> Score:
        """The same; NaN is a score here, the worst one: a model in few bits may overflow. What is infinitely
        good is NaN, too.

        Args:
            watch: where the loop is ours, may end it between two batches; the score is of those before then.
        """
        score = self._score(model, watch)
        is_too_good = math.isinf(score) and (score > 0) is self.criterion.higher_is_better
        return Score(math.nan, score.scores) if is_too_good else score

    def _score(self, model: nn.Module, watch: Watch) -> Score:
        with torch.no_grad(), evaluating(model):
            result = self.eval_func(model, watch) if isinstance(self.eval_func, Loop) else self.eval_func(model)
        if self.several is None:
            return self._of_one(result)
        scores = {name: number_of(value) for name, value in self.several.read(result).items()}
        self.metric, self.criterion = self.several.shown(), self.several.whole()
        return Score(self.several.score(scores), _numbers_in(result) | scores)

    def _of_one(self, result: Any) -> Score:
        score = number_of(self._first(result), self.metric_name)
        if isinstance(result, Mapping) and self.metric_name is None:
            self.metric = next(iter(result))
            self.criterion = in_direction_of(self.criterion, self.metric)
        return Score(score, _numbers_in(result) or None)

    def _first(self, result: Any) -> Any:
        """Of several scores in a list, as INC takes them, the first one counts, unless the goal says more."""
        if not is_list(result):
            return result
        if not len(result):
            raise UsageError("The evaluation function returned an empty list; it must return at least one score.")
        if len(result) > 1 and not self._has_told:
            logger.warning(
                "The evaluation function returned %d scores; the first one counts. `metric_name` or `weight` and "
                "`tolerable_loss` of the accuracy criterion say what all are to count.", len(result),
            )  # fmt: skip
            self._has_told = True
        return result[0]


def _numbers_in(result: Any) -> dict[str, float]:
    """All scores of a dict or list that has several."""
    if not isinstance(result, Mapping):
        result = dict(zip(map(str, range(len(result))), result, strict=True)) if is_list(result) else {}
    found = {}
    for name, value in result.items():
        with contextlib.suppress(UsageError):  # what does not count may be anything
            found[str(name)] = number_of(value)
    return found if len(result) > 1 else {}


def scoring(
    eval_func: Callable[[nn.Module], float | dict[str, float]] | None = None,
    eval_dataloader: Iterable | None = None,
    eval_metric: Any = None,
    metric_name: str | list[str] | None = None,
    criterion: AccuracyCriterion | None = None,
) -> Scoring | None:
    """Model -> score, with the goal in the direction of the metric; None if there is nothing to evaluate by.

    Args:
        eval_func: model -> score, or a list or dict of scores of which those in `metric_name` count, see
            [`AccuracyCriterion`]. What it raises is raised.
        eval_dataloader, eval_metric: instead of it, see [`evaluate_metric`]. Several metrics in a dict may have a
            "weight" and "higher_is_better" beside them, lists, as in INC.
        criterion: the goal, by default the default one.

    Raises:
        ValueError: only one of `eval_dataloader` and `eval_metric`, data that can be read once only, or a criterion
            that contradicts the metric.
    """
    criterion = criterion or AccuracyCriterion()
    check_function("eval_func", eval_func, "a function of the model that returns its score")
    check_data("eval_dataloader", eval_dataloader)
    if metric_name is not None and not isinstance(metric_name, str):
        metric_name = check_strings("metric_name", metric_name)
        if not metric_name or len({*metric_name}) < len(metric_name):
            raise UsageError(f"`metric_name` must name metrics, each once, got {metric_name}.")
    if eval_func is not None:
        return Scoring(eval_func, metric_name, metric_name, criterion)
    if (eval_dataloader is None) != (eval_metric is None):
        raise UsageError("`eval_dataloader` and `eval_metric` go together; pass both, or `eval_func`.")
    if eval_dataloader is None:
        return None
    check_repeatable(eval_dataloader, "eval_dataloader")
    eval_metric, settings = split_metric(object_of(eval_metric))
    _check_agree(eval_metric, settings, metric_name, criterion)
    criterion = replace(criterion, **settings) if settings else criterion
    if isinstance(eval_metric, Mapping) and (settings or len(eval_metric) > 1):
        metric_name = list(map(str, eval_metric)) if metric_name is None else metric_name
    content = _content_of(eval_dataloader, eval_metric)
    evaluate = evaluate_metric(eval_dataloader, eval_metric, content=content)
    evaluate.data = _named(eval_dataloader)
    return Scoring(evaluate, eval_metric, metric_name, criterion, content=content)


def _check_agree(
    metric: Any, settings: Mapping, metric_name: str | list[str] | None, criterion: AccuracyCriterion
) -> None:
    """Raise ValueError where `eval_metric` and another argument say different things, of which one would be lost."""
    if "weight" in settings and criterion.weight is not None:
        raise UsageError("`weight` is in `eval_metric` and in the accuracy criterion; leave it out of one of them.")
    names = [metric_name] if isinstance(metric_name, str) else metric_name or []
    known = [metric] if isinstance(metric, str) else list(map(str, metric)) if isinstance(metric, Mapping) else names
    if others := [name for name in names if name not in known]:
        raise UsageError(f"`metric_name` names {', '.join(others)}, and `eval_metric` has {', '.join(known)} only.")


def _named(dataloader: Iterable) -> dict[str, Any] | None:
    """What is known of the data; the length of a loader that is none of torch is that of its batches."""
    data = named_data(dataloader) or {}
    return {key: data[key] for key in data if key != "samples" or isinstance(dataloader, DataLoader)} or None


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
    """As [`number_of`], but NaN is refused, too."""
    value = number_of(score, metric)
    if math.isnan(value):
        raise UsageError(f"The evaluation function must return a number, got {value!r}.")
    return value


def number_of(score: Any, metric: str | None = None) -> float:
    """The number that an evaluation function returned.

    Args:
        score: a number, or the dict of an `evaluate` metric.
        metric (`str`, *optional*): which entry of a dict counts; needed if it has several.

    Raises:
        TypeError, ValueError: not a number, or a dict without the entry.
    """
    if isinstance(score, Mapping):
        if not score:
            raise UsageError("The evaluation function returned an empty dict; it must return at least one score.")
        if metric is None and len(score) != 1:
            raise UsageError(
                f"The evaluation function returned several scores ({', '.join(score)}); name the one that counts "
                f'with `metric_name`, e.g. metric_name="{next(iter(score))}", or several in a list.'
            )
        key = metric or next(iter(score))
        if key not in score:
            raise UsageError(f"The evaluation function returned no {key!r}, only {', '.join(score)}.")
        score = score[key]
    try:
        return float(None if isinstance(score, str) else score)  # "0.5" is no number either
    except (TypeError, ValueError) as error:
        raise UsageTypeError(
            f"The evaluation function must return a number or a dict of numbers, got {score!r} "
            f"({type(score).__name__})."
        ) from error
