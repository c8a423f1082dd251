"""INC 2.X's `neural_compressor.metric`."""

from inc_hf.metric.metric import (
    METRICS,
    BaseMetric,
    COCOmAPv2,
    GeneralTopK,
    Metric,
    SquadF1,
    TensorflowTopK,
    metric_registry,
    register_customer_metric,
)

__all__ = [
    "BaseMetric",
    "COCOmAPv2",
    "GeneralTopK",
    "METRICS",
    "Metric",
    "SquadF1",
    "TensorflowTopK",
    "metric_registry",
    "register_customer_metric",
]
