"""The GLUE metrics, also for `evaluate.load("<folder of this file>", "mrpc")`.

`evaluate` copies this file alone, so it imports nothing of the package, and one module per line.
"""

from collections.abc import Callable
from functools import partial

import datasets
import evaluate
import numpy as np
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from inc_hf.errors import UsageError

Measure = Callable[[np.ndarray, np.ndarray], float]


def zero_if_constant(measure: Measure, references: np.ndarray, predictions: np.ndarray) -> float:
    """The correlation `measure`, or 0.0 where it is undefined because one side never varies."""
    if np.ptp(references) == 0 or np.ptp(predictions) == 0:
        return 0.0
    return measure(references, predictions)


def pearson(references: np.ndarray, predictions: np.ndarray) -> float:
    return pearsonr(references, predictions).statistic


def spearman(references: np.ndarray, predictions: np.ndarray) -> float:
    return spearmanr(references, predictions).statistic


ACCURACY = {"accuracy": accuracy_score}
ACCURACY_AND_F1 = {**ACCURACY, "f1": partial(f1_score, zero_division=0.0)}

MEASURES: dict[str, dict[str, Measure]] = {
    "cola": {"matthews_correlation": partial(zero_if_constant, matthews_corrcoef)},
    "mnli": ACCURACY,
    "mnli_matched": ACCURACY,
    "mnli_mismatched": ACCURACY,
    "mrpc": ACCURACY_AND_F1,
    "qnli": ACCURACY,
    "qqp": ACCURACY_AND_F1,
    "rte": ACCURACY,
    "sst2": ACCURACY,
    "stsb": {"pearson": partial(zero_if_constant, pearson), "spearmanr": partial(zero_if_constant, spearman)},
    "wnli": ACCURACY,
}


class IncGlue(evaluate.Metric):
    """The metrics of one GLUE task, named by `config_name`."""

    def _info(self) -> evaluate.MetricInfo:
        if self.config_name not in MEASURES:
            raise UsageError(f"Unknown GLUE task {self.config_name!r}; choose one of {', '.join(sorted(MEASURES))}.")
        value = datasets.Value("float32" if self.config_name == "stsb" else "int64")
        return evaluate.MetricInfo(
            description=f"GLUE {self.config_name}: {', '.join(MEASURES[self.config_name])}.",
            citation="",
            inputs_description="predictions, references: class indices, for stsb similarity scores.",
            features=datasets.Features({"predictions": value, "references": value}),
        )

    def _compute(self, predictions: np.ndarray, references: np.ndarray) -> dict[str, float]:
        dtype = np.float64 if self.config_name == "stsb" else np.int64
        predictions, references = np.asarray(predictions, dtype), np.asarray(references, dtype)
        measures = MEASURES[self.config_name]
        return {name: float(measure(references, predictions)) for name, measure in measures.items()}
