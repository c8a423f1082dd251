"""INC 1.X's `neural_compressor.experimental.metric.metric`."""

from inc_hf.config.elsewhere import MXNET, ONNX, TENSORFLOW, elsewhere
from inc_hf.evaluation.metric_objects import F1, MAE, MSE, RMSE, Accuracy, BaseMetric, GeneralTopK, Loss
from inc_hf.evaluation.metric_registry import METRICS, metric_registry

PyTorchLoss = Loss
WrapPyTorchMetric = elsewhere("WrapPyTorchMetric", "pass the metric as it is, with `update`, `reset` and `result`")
MXNetMetrics = elsewhere("MXNetMetrics", MXNET)
TensorflowTopK = elsewhere("TensorflowTopK", TENSORFLOW)
WrapONNXRTMetric = elsewhere("WrapONNXRTMetric", ONNX)

__all__ = [
    "Accuracy",
    "BaseMetric",
    "F1",
    "GeneralTopK",
    "Loss",
    "MAE",
    "METRICS",
    "MSE",
    "MXNetMetrics",
    "PyTorchLoss",
    "RMSE",
    "TensorflowTopK",
    "WrapONNXRTMetric",
    "WrapPyTorchMetric",
    "metric_registry",
]
