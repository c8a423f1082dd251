"""The score of a model on labelled data."""

from inc_hf.evaluation.inc_metric import evaluate_metric
from inc_hf.evaluation.tasks import evaluate_task

__all__ = ["evaluate_metric", "evaluate_task"]
