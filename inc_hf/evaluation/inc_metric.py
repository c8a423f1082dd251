"""INC's metrics over a dataloader."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn

from inc_hf.errors import UsageError
from inc_hf.evaluation.answers import answers_of, logits_of, numbers_of
from inc_hf.evaluation.content import Content
from inc_hf.evaluation.counts import AVERAGES, F1, Accuracy, Count, MeanError
from inc_hf.evaluation.loop import Loop, Watch
from inc_hf.evaluation.metric_registry import object_of
from inc_hf.evaluation.tasks import check_not_empty, labels_of
from inc_hf.models.batches import batch_length, batches_of
from inc_hf.models.labels import label_numbers
from inc_hf.models.samples import elements_of, named
from inc_hf.quantize.workflow import error_of_data, run


def evaluate_metric(
    dataloader: Iterable,
    metric: Any,
    postprocess: Callable[[tuple], tuple] | None = None,
    content: Content | None = None,
) -> Loop:
    """INC's `eval_dataloader` and `eval_metric` as an evaluation function, which keeps one batch in memory.

    Args:
        dataloader: batches `(inputs, label)`, or dicts with `labels`.
        metric: "accuracy" (of each label, where a sample has several), "f1" of two classes, `{"f1": "macro"}`,
            "micro" or "weighted" of more, "mse", "mae", "rmse", `{"topk": k}` or `{"topk": {"k": k}}`, an object
            with `update(preds, labels)`, `reset()` and `result()`, or a dict of several names and their settings, for
            a dict of scores.
        postprocess (*optional*): `(outputs, labels)` of a batch -> those that the metric gets.
        content (*optional*): what the batches are read by, instead of the dataloader itself.
    """
    start = _start_of(object_of(metric))

    def evaluate(model: nn.Module, watch: Watch) -> float | dict[str, float]:
        measure, rows = start(model), 0
        for batch in elements_of(dataloader) if content is None else content.batches():
            inputs, labels = _split(named(batch, model))
            labels = label_numbers(labels, model, rows)
            if isinstance(inputs, Mapping):
                (inputs,) = batches_of([inputs], model, keep_labels=False)
            with error_of_data(model, "evaluation", inputs):
                output = run(model, inputs)
            pair = logits_of(output), labels
            right = measure.update(*(pair if postprocess is None else postprocess(pair)), rows)
            rows += (samples := batch_length(inputs))
            if watch(samples, right, labels):
                break
        check_not_empty(rows)
        return measure.result()

    return Loop(evaluate)


def split_metric(metric: Any) -> tuple[Any, dict[str, Any]]:
    """INC's `eval_metric` without the settings for several metrics that it may have among them, and these."""
    if not isinstance(metric, Mapping):
        return metric, {}
    settings = {name: metric[name] for name in OF_SEVERAL if name in metric}
    return {name: value for name, value in metric.items() if name not in settings}, settings


def _split(batch: Any) -> tuple[Any, Any]:
    """Inputs and labels of a batch."""
    if isinstance(batch, Mapping) and "start_positions" in batch:
        raise UsageError('Spans are scored by `IncQuantizer(task="question-answering")`, or pass `eval_func`.')
    if isinstance(batch, Mapping):
        return batch, labels_of(batch)
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        raise UsageError(
            f"Evaluation needs labels: a batch is a {type(batch).__name__}; pass pairs (inputs, label), or dicts with "
            "'labels'."
        )
    *inputs, labels = batch
    return inputs[0] if len(inputs) == 1 else tuple(inputs), labels


def _start_of(metric: Any) -> Callable[[nn.Module], "Measure"]:
    """Model -> what is to count its outputs.

    Raises:
        ValueError: an unknown name, or settings that it does not have.
    """
    if hasattr(metric, "update") and hasattr(metric, "result"):
        metric = metric() if isinstance(metric, type) else metric
        return lambda model: OfObject(metric)
    if isinstance(metric, dict) and len(metric) != 1:
        if not metric:
            raise UsageError(f"`eval_metric` names no metric; choose of {', '.join(METRICS)}, or pass an object.")
        starts = {str(name): _start_of({name: argument}) for name, argument in metric.items()}
        return lambda model: OfSeveral({name: start(model) for name, start in starts.items()})
    name, argument = next(iter(metric.items())) if isinstance(metric, dict) else (metric, None)
    key = str(name).lower()
    if key not in METRICS:
        raise UsageError(f"Unknown metric {name!r}; choose one of {', '.join(METRICS)}, or pass an object.")
    argument = _setting_of(name, argument)
    known = METRICS[key]
    if known.allows is not None:
        known.allows(name, argument)
    elif argument:
        raise UsageError(f"The metric {name!r} takes no settings, got {argument!r}.")
    settings = () if known.allows is None else (argument,)
    return lambda model: OfCount(model, known.make(*settings), known.of_numbers)


def _setting_of(name: Any, argument: Any) -> Any:
    """The one setting of a metric: INC has it by its name, `{"topk": {"k": 1}}`."""
    if not isinstance(argument, dict):
        return argument
    setting = SETTINGS.get(str(name).lower())
    if unknown := [key for key in argument if key != setting]:
        allowed = "no settings" if setting is None else f"only {setting!r}"
        raise UsageError(f"The metric {name!r} takes {allowed}, got {unknown[0]!r}.")
    return argument.get(setting)


def _allows_k(name: Any, k: Any) -> None:
    if k is not None and not (isinstance(k, int) and k >= 1):
        raise UsageError(f"`k` of the metric {name!r} must be an int of at least 1, got {k!r}.")


def _allows_average(name: Any, average: Any) -> None:
    if average and average not in AVERAGES:
        raise UsageError(f"The average of the metric {name!r} must be one of {', '.join(AVERAGES)}, got {average!r}.")


class Measure(Protocol):
    """One evaluation by a metric."""

    def update(self, outputs: Tensor, labels: Any, row: int) -> Tensor | None:
        """Count a batch; which answers of it were right, where the score is the share of them."""

    def result(self) -> float | dict[str, float]: ...


class OfObject:
    """By an object in INC's form, from the start."""

    def __init__(self, metric: Any):
        self.metric = metric
        metric.reset()

    def update(self, outputs: Tensor, labels: Any, row: int) -> None:
        self.metric.update(outputs, labels)

    def result(self) -> float:
        return self.metric.result()


class OfCount:
    """By a metric of ours; `of_numbers` is one that compares numbers, whatever the model is for."""

    def __init__(self, model: nn.Module, count: Count, of_numbers: bool):
        self.count = count
        self.read = numbers_of if of_numbers else partial(answers_of, model)

    def update(self, outputs: Tensor, labels: Any, row: int) -> Tensor | None:
        return self.count.update(self.read(outputs, labels, row))

    def result(self) -> float:
        return self.count.result()


class OfSeveral:
    """By several metrics at once."""

    def __init__(self, measures: dict[str, Measure]):
        self.measures = measures

    def update(self, outputs: Tensor, labels: Any, row: int) -> None:
        for measure in self.measures.values():
            measure.update(outputs, labels, row)

    def result(self) -> dict[str, float]:
        return {name: measure.result() for name, measure in self.measures.items()}


class Metric(NamedTuple):
    """What counts, made of the setting that `allows` checks, if it takes one; `of_numbers` says of what."""

    make: Callable[..., Count]
    allows: Callable[[Any, Any], None] | None = None
    of_numbers: bool = False


OF_SEVERAL = ("weight", "higher_is_better")
SETTINGS = {"topk": "k", "f1": "average"}
METRICS = {
    "topk": Metric(Accuracy, _allows_k),
    "accuracy": Metric(Accuracy),
    "f1": Metric(F1, _allows_average),
    "mse": Metric(partial(MeanError, squared=True), of_numbers=True),
    "rmse": Metric(partial(MeanError, squared=True, root=True), of_numbers=True),
    "mae": Metric(partial(MeanError, squared=False), of_numbers=True),
}
