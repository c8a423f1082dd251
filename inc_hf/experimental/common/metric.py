"""`Metric` of INC 1.X: the class of a metric, and what to make it with."""

from typing import Any

from inc_hf.errors import UsageTypeError


class Metric:
    """A metric class of the user's.

    Args:
        metric_cls (`type`): has `update(preds, labels)`, `reset()` and `result()`.
        name (`str`, *optional*, defaults to `"user_metric"`): of the metric.
        kwargs: what the class is made with.
    """

    def __init__(self, metric_cls: Any, name: str = "user_metric", **kwargs: Any):
        self.metric_cls, self.name, self.kwargs = metric_cls, name, kwargs

    def make(self) -> Any:
        """A new metric, or the object that was given instead of a class."""
        metric = self.metric_cls(**self.kwargs) if isinstance(self.metric_cls, type) else self.metric_cls
        check_metric(metric)
        return metric


def check_metric(metric: Any) -> None:
    """Raise TypeError if an object is no metric."""
    missing = [name for name in ("update", "reset", "result") if not callable(getattr(metric, name, None))]
    if missing:
        raise UsageTypeError(
            f"A metric needs `update(preds, labels)`, `reset()` and `result()`; {type(metric).__name__} has no "
            f"{', '.join(missing)}."
        )
