"""The score of a model on labelled data."""

from inc_hf._lazy import lazy_names

_LAZY = {
    "evaluate_metric": "inc_hf.evaluation.inc_metric",
    "evaluate_task": "inc_hf.evaluation.tasks",
}

__all__ = ["evaluate_metric", "evaluate_task"]

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
