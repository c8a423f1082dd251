"""INC 1.X's `neural_compressor.experimental.metric`."""

from inc_hf.evaluation.metric_objects import BaseMetric
from inc_hf.evaluation.metric_registry import METRICS, metric_registry

__all__ = ["BaseMetric", "METRICS", "metric_registry"]
