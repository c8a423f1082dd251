"""INC's metrics over a dataloader."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

from torch import Tensor, nn

from inc_hf.errors import UsageError
from inc_hf.evaluation.answers import answers_of, logits_of, numbers_of
from inc_hf.evaluation.counts import AVERAGES, F1, Accuracy, Count, MeanError
from inc_hf.evaluation.tasks import check_not_empty, labels_of
from inc_hf.models.batches import batch_length, batches_of
from inc_hf.models.labels import label_numbers
from inc_hf.models.samples import elements_of, named
from inc_hf.quantize.workflow import error_of_data, run


def evaluate_metric(dataloader: Iterable, metric: Any) -> Callable[[nn.Module], float]:
    """INC's `eval_dataloader` and `eval_metric` as an evaluation function, which keeps one batch in memory.

    Args:
        dataloader: batches `(inputs, label)`, or dicts with `labels`.
        metric: "accuracy" (of each label, where a sample has several), "f1" of two classes, `{"f1": "macro"}`,
            "micro" or "weighted" of more, "mse", "mae", "rmse", `{"topk": k}`, or an object with
            `update(preds, labels)`, `reset()` and `result()`.
    """
    start = _start_of(metric)

    def evaluate(model: nn.Module) -> float:
        measure, rows = start(model), 0
        for batch in elements_of(dataloader):
            inputs, labels = _split(named(batch, model))
            labels = label_numbers(labels, model, rows)
            if isinstance(inputs, Mapping):
                (inputs,) = batches_of([inputs], model, keep_labels=False)
            with error_of_data(model, "evaluation", inputs):
                output = run(model, inputs)
            measure.update(logits_of(output), labels, rows)
            rows += batch_length(inputs)
        check_not_empty(rows)
        return measure.result()

    return evaluate


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
        return lambda model: OfObject(metric)
    if isinstance(metric, dict) and len(metric) != 1:
        raise UsageError(f"Pass one metric, got {', '.join(metric) or 'none'}; an `eval_func` can combine several.")
    name, argument = next(iter(metric.items())) if isinstance(metric, dict) else (metric, None)
    key = str(name).lower()
    if key not in METRICS:
        raise UsageError(f"Unknown metric {name!r}; choose one of {', '.join(METRICS)}, or pass an object.")
    _check_argument(key, name, argument)
    settings = (argument,) if key in ("topk", "f1") else ()
    return lambda model: OfCount(model, METRICS[key](*settings), key in NUMBERS)


def _check_argument(key: str, name: Any, argument: Any) -> None:
    if key == "topk" and argument is not None and not (isinstance(argument, int) and argument >= 1):
        raise UsageError(f"`k` of the metric {name!r} must be an int of at least 1, got {argument!r}.")
    if key == "f1" and argument and argument not in AVERAGES:
        raise UsageError(f"The average of the metric {name!r} must be one of {', '.join(AVERAGES)}, got {argument!r}.")
    if key not in ("topk", "f1") and argument:
        raise UsageError(f"The metric {name!r} takes no settings, got {argument!r}.")


class Measure(Protocol):
    """One evaluation by a metric."""

    def update(self, outputs: Tensor, labels: Any, row: int) -> None: ...

    def result(self) -> float: ...


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

    def update(self, outputs: Tensor, labels: Any, row: int) -> None:
        self.count.update(self.read(outputs, labels, row))

    def result(self) -> float:
        return self.count.result()


METRICS: dict[str, Callable[..., Count]] = {
    "topk": Accuracy,
    "accuracy": Accuracy,
    "f1": F1,
    "mse": partial(MeanError, squared=True),
    "rmse": partial(MeanError, squared=True, root=True),
    "mae": partial(MeanError, squared=False),
}
NUMBERS = ("mse", "rmse", "mae")
