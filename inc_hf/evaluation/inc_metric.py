"""INC's metrics over a dataloader."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.errors import UsageError
from inc_hf.evaluation.tasks import check_not_empty, labels_of
from inc_hf.models.batches import batches_of
from inc_hf.quantize.workflow import run


def evaluate_metric(dataloader: Iterable, metric: Any) -> Callable[[nn.Module], float]:
    """INC's `eval_dataloader` and `eval_metric` as an evaluation function.

    Args:
        dataloader: batches `(inputs, label)`, or dicts with `labels`.
        metric: "accuracy", "f1", "mse", "mae", "rmse", `{"topk": k}`, or an object with `update(preds, labels)`,
            `reset()` and `result()`.
    """
    score = _metric_function(metric)

    def evaluate(model: nn.Module) -> float:
        outputs, labels = [], []
        for batch in dataloader:
            label = labels_of(batch) if isinstance(batch, Mapping) else batch[1]
            inputs = next(batches_of(iter([batch]), model, keep_labels=False))
            output = run(model, inputs)
            outputs.append(output if isinstance(output, Tensor) else output["logits"])
            labels.append(label)
        check_not_empty(outputs)
        return score(outputs, labels)

    return evaluate


def _metric_function(metric: Any) -> Callable[[list[Tensor], list[Tensor]], float]:
    if hasattr(metric, "update") and hasattr(metric, "result"):
        return lambda outputs, labels: _accumulate(metric, outputs, labels)
    if isinstance(metric, dict) and len(metric) != 1:
        raise UsageError(f"Pass one metric, got {', '.join(metric) or 'none'}; an `eval_func` can combine several.")
    name, argument = next(iter(metric.items())) if isinstance(metric, dict) else (metric, None)
    if str(name).lower() not in METRICS:
        raise UsageError(f"Unknown metric {name!r}; choose one of {', '.join(METRICS)}, or pass an object.")
    function = METRICS[str(name).lower()]
    if str(name).lower() != "topk" and argument:
        raise UsageError(f"The metric {name!r} takes no settings, got {argument!r}.")
    if str(name).lower() == "topk" and argument is not None and not (isinstance(argument, int) and argument >= 1):
        raise UsageError(f"`k` of the metric {name!r} must be an int of at least 1, got {argument!r}.")
    return lambda outputs, labels: float(function(torch.cat(outputs), torch.cat(labels), argument))


def _accumulate(metric: Any, outputs: list[Tensor], labels: list[Tensor]) -> float:
    metric.reset()
    for output, label in zip(outputs, labels, strict=True):
        metric.update(output, label)
    return metric.result()


def _topk(logits: Tensor, labels: Tensor, k: int | None) -> Tensor:
    labels = labels.reshape(*logits.shape[:-1], 1)
    return (logits.topk(k or 1, -1).indices == labels).any(-1).double().mean()


def _f1(logits: Tensor, labels: Tensor, _: None) -> float:
    """F1 of class 1, of two classes."""
    predicted = logits.argmax(-1)
    labels = labels.reshape(predicted.shape)
    true_positives = ((predicted == 1) & (labels == 1)).sum()
    return float(2 * true_positives / ((predicted == 1).sum() + (labels == 1).sum()).clamp(min=1))


def _difference(outputs: Tensor, labels: Tensor) -> Tensor:
    """Never broadcast: outputs of shape `(samples, 1)` belong to labels of shape `(samples,)`, and the reverse."""
    return outputs.reshape(labels.shape) - labels


METRICS: dict[str, Callable] = {
    "topk": _topk,
    "accuracy": _topk,
    "f1": _f1,
    "mse": lambda x, y, _: _difference(x, y).square().mean(),
    "rmse": lambda x, y, _: _difference(x, y).square().mean().sqrt(),
    "mae": lambda x, y, _: _difference(x, y).abs().mean(),
}
