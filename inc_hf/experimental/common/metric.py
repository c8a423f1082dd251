"""`Metric` of INC 1.X: the class of a metric, and what to make it with."""

from typing import Any

from inc_hf.evaluation import metric_registry


class Metric(metric_registry.Metric):
    """That of 2.X, with the class first.

    Args:
        metric_cls (`type`): has `update(preds, labels)`, `reset()` and `result()`.
        name (`str`, *optional*, defaults to `"user_metric"`): of the metric.
        kwargs: what the class is made with.
    """

    def __init__(self, metric_cls: Any, name: str = "user_metric", **kwargs: Any):
        super().__init__(name, metric_cls, **kwargs)
