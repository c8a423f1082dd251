"""INC 2.X's `neural_compressor.metric.metric`."""

from inc_hf.config.elsewhere import TENSORFLOW, elsewhere
from inc_hf.evaluation.metric_objects import F1, MAE, MSE, RMSE, Accuracy, BaseMetric, GeneralTopK, Loss
from inc_hf.evaluation.metric_registry import (
    METRICS,
    PYTORCH_METRICS,
    Metric,
    metric_registry,
    register_customer_metric,
)

BOXES = "pass an `eval_func` that uses `torchmetrics.detection.MeanAveragePrecision`, or pycocotools"
PyTorchLoss = Loss
COCOmAPv2 = elsewhere("COCOmAPv2", BOXES)
ROC = elsewhere("ROC", 'pass an `eval_func` that uses `evaluate.load("roc_auc")`')
SquadF1 = elsewhere("SquadF1", 'use `IncQuantizer(task="question-answering")`, or `evaluate.load("squad")`')
TensorflowMAP = elsewhere("TensorflowMAP", BOXES)
TensorflowTopK = elsewhere("TensorflowTopK", TENSORFLOW)
mIOU = elsewhere("mIOU", 'pass an `eval_func` that uses `evaluate.load("mean_iou")`')

__all__ = [
    "Accuracy",
    "BaseMetric",
    "COCOmAPv2",
    "F1",
    "GeneralTopK",
    "Loss",
    "MAE",
    "METRICS",
    "MSE",
    "Metric",
    "PYTORCH_METRICS",
    "PyTorchLoss",
    "RMSE",
    "ROC",
    "SquadF1",
    "TensorflowMAP",
    "TensorflowTopK",
    "mIOU",
    "metric_registry",
    "register_customer_metric",
]
