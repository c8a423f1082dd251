"""Metrics that need no network: GLUE, accuracy and F1 as `evaluate.Metric` classes shipped with the package."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from inc_hf.errors import UsageError

if TYPE_CHECKING:
    import evaluate

# The one number a GLUE table shows for a task.
GLUE_METRIC = {
    "cola": "matthews_correlation",
    "mnli": "accuracy",
    "mnli_matched": "accuracy",
    "mnli_mismatched": "accuracy",
    "mrpc": "f1",
    "qnli": "accuracy",
    "qqp": "f1",
    "rte": "accuracy",
    "sst2": "accuracy",
    "stsb": "pearson",
    "wnli": "accuracy",
}


LOCAL_METRICS = {"accuracy": "IncAccuracy", "f1": "IncF1", "glue": "IncGlue"}


BY_NAME = {"accuracy": "sst2", "f1": "mrpc"}  # metrics that people ask for, and a task whose metric each is


def check_glue_task(task: str | None) -> None:
    """Raise ValueError for what is neither a task of GLUE nor one of `BY_NAME`; None is none."""
    if task is not None and not (isinstance(task, str) and task in GLUE_METRIC | BY_NAME):
        known = f"{', '.join(sorted(GLUE_METRIC))}, or {', '.join(BY_NAME)}"
        raise UsageError(f"Unknown GLUE task {task!r}; choose one of {known}.")


def load_metric(name: str, config_name: str | None = None) -> evaluate.EvaluationModule:
    """Return the metric `name`: the class of this package if there is one, else `evaluate.load(name, config_name)`.

    Args:
        name (`str`): `"glue"`, `"accuracy"`, `"f1"`, or anything `evaluate.load` takes.
        config_name (`str`, *optional*): the task, for `"glue"` one of `GLUE_METRIC`.
    """
    try:
        import evaluate

        if name in LOCAL_METRICS:
            module = import_module(f"inc_hf.evaluation.metrics.inc_{name}.inc_{name}")
            return getattr(module, LOCAL_METRICS[name])(config_name=config_name)
    except ImportError as error:
        raise ImportError(f'Metric {name!r}: {error}. Run `pip install "inc-hf[evaluate]"`.') from error
    return evaluate.load(name, config_name)
