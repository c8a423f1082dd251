"""INC's metrics by their names, and those that a script has added."""

from collections.abc import Callable
from typing import Any

from inc_hf.config.checks import did_you_mean
from inc_hf.config.elsewhere import check_framework, check_one_framework
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.evaluation.metric_objects import F1, MAE, MSE, RMSE, Accuracy, GeneralTopK, Loss

PYTORCH_METRICS: dict[str, Any] = {
    "topk": GeneralTopK, "Accuracy": Accuracy, "Loss": Loss, "MAE": MAE, "RMSE": RMSE, "MSE": MSE, "F1": F1,
}  # fmt: skip


class METRICS:
    """The classes of metrics by name: `METRICS("pytorch")["topk"](k=5)`."""

    def __init__(self, framework: str):
        check_framework(framework)
        self.metrics = PYTORCH_METRICS

    def __getitem__(self, metric_type: str) -> Any:
        if metric_type not in self.metrics:
            nearest = did_you_mean(str(metric_type), self.metrics)
            raise UsageError(f"Unknown metric {metric_type!r}; choose one of {', '.join(self.metrics)}{nearest}")
        return self.metrics[metric_type]

    def register(self, name: str, metric_cls: Any) -> None:
        """Add a metric of one's own, or put it in the place of another."""
        self.metrics[name] = metric_cls


def metric_registry(metric_type: str, framework: str) -> Callable[[type], type]:
    """A decorator that adds a class to the metrics of the frameworks, such as "pytorch, onnxruntime"."""
    check_one_framework(framework)

    def add(cls: type) -> type:
        if metric_type in PYTORCH_METRICS:
            raise UsageError(f"There is a metric {metric_type!r} already; choose another name.")
        PYTORCH_METRICS[metric_type] = cls
        return cls

    return add


class Metric:
    """INC's description of a metric: a class or an object of one's own, or the name of a built-in one.

    Args:
        name (`str`, *optional*): of a built-in metric, or, with `metric_cls`, what to call it.
        metric_cls (*optional*): a class, or an object, with `update(preds, labels)`, `reset()` and `result()`.
        kwargs: what the class is made with.
    """

    def __init__(self, name: str = "user_metric", metric_cls: Any = None, **kwargs: Any):
        self.name, self.metric_cls, self.kwargs = name, metric_cls, kwargs


def object_of(metric: Any) -> Any:
    """The metric that a [`Metric`] describes; others as they are.

    Raises:
        TypeError: the class has no `update`, `reset` or `result`, or does not take what is given.
    """
    if not isinstance(metric, Metric):
        return metric
    kind = METRICS("pytorch")[metric.name] if metric.metric_cls is None else metric.metric_cls
    if missing := [name for name in ("update", "reset", "result") if not hasattr(kind, name)]:
        raise UsageTypeError(f"The metric {metric.name!r} must have `update`, `reset` and `result`; not {missing}.")
    try:
        return kind(**metric.kwargs) if isinstance(kind, type) else kind
    except TypeError as error:
        raise UsageTypeError(f"The metric {metric.name!r} cannot be made of {metric.kwargs}: {error}") from error


def register_customer_metric(user_metric: Any, framework: str) -> dict[str, dict]:
    """INC's form of a metric: its name and what it is made with; one of the user's own is registered by the way."""
    if isinstance(user_metric, dict):
        return user_metric
    metrics = METRICS(framework)
    if isinstance(user_metric, Metric):
        if user_metric.metric_cls is not None:
            metrics.register(user_metric.name, user_metric.metric_cls)
        return {user_metric.name: dict(user_metric.kwargs)}
    object_of(Metric("user_metric", user_metric))
    name = type(user_metric).__name__
    metrics.register(name, type(user_metric))
    return {name: {}}
