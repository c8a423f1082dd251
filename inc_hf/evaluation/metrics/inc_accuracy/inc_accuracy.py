"""Accuracy, also for `evaluate.load("<folder of this file>")`."""

import datasets
import evaluate
import numpy as np
from sklearn.metrics import accuracy_score


class IncAccuracy(evaluate.Metric):
    """The share of predictions equal to their reference."""

    def _info(self) -> evaluate.MetricInfo:
        value = datasets.Value("int64")
        return evaluate.MetricInfo(
            description="Accuracy.",
            citation="",
            inputs_description="predictions, references: class indices.",
            features=datasets.Features({"predictions": value, "references": value}),
        )

    def _compute(self, predictions: np.ndarray, references: np.ndarray) -> dict[str, float]:
        return {"accuracy": float(accuracy_score(references, predictions))}
