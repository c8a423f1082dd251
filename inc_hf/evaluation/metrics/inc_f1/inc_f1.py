"""F1, also for `evaluate.load("<folder of this file>")`."""

import datasets
import evaluate
import numpy as np
from sklearn.metrics import f1_score


class IncF1(evaluate.Metric):
    """F1 of class 1 (`average="binary"`) or averaged over the classes (`"macro"`, `"micro"`, `"weighted"`)."""

    def _info(self) -> evaluate.MetricInfo:
        value = datasets.Value("int64")
        return evaluate.MetricInfo(
            description="F1.",
            citation="",
            inputs_description="predictions, references: class indices. average: as in scikit-learn's f1_score.",
            features=datasets.Features({"predictions": value, "references": value}),
        )

    def _compute(self, predictions: np.ndarray, references: np.ndarray, average: str = "binary") -> dict[str, float]:
        return {"f1": float(f1_score(references, predictions, average=average, zero_division=0.0))}
