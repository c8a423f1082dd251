"""The metrics of GLUE tasks, one number of each sample kept for them."""

import numpy as np
from torch import Tensor

from inc_hf.errors import UsageError, usage_error_for
from inc_hf.evaluation.answers import Answers, Problem
from inc_hf.evaluation.counts import check_counted
from inc_hf.evaluation.metrics import BY_NAME, GLUE_METRIC, load_metric

OF_NUMBERS = "stsb"
OF_CLASSES = ", ".join(repr(name) for name in GLUE_METRIC if name != OF_NUMBERS)
FITTING = {
    Problem.NUMBERS: f"the model gives one number a sample (regression): choose {OF_NUMBERS!r}",
    Problem.LABELS: "a sample has several labels: leave the metric out for the accuracy of each label",
    Problem.CLASSES: f"the model gives classes: choose one of {OF_CLASSES}, or leave the metric out",
}


class GlueScore:
    """The one number that a GLUE table shows for `task`, or one of `BY_NAME`."""

    def __init__(self, task: str):
        self.task = BY_NAME.get(task, task)
        self.name = GLUE_METRIC[self.task]
        self.predictions: list[np.ndarray] = []
        self.references: list[np.ndarray] = []

    def update(self, answers: Answers) -> Tensor | None:
        check_fits(self.task, answers.problem, answers.outputs.shape[-1])
        of_numbers = answers.problem is Problem.NUMBERS
        predicted = answers.outputs if of_numbers else answers.outputs.argmax(-1)
        self.predictions.append(predicted.numpy(force=True).copy())
        self.references.append(answers.labels.numpy(force=True).copy())
        return predicted == answers.labels if self.name == "accuracy" else None

    def result(self) -> float:
        check_counted(sum(len(part) for part in self.references))
        predictions, references = np.concatenate(self.predictions), np.concatenate(self.references)
        with usage_error_for(f"The metric of {self.task!r} does not fit the predictions", ValueError):
            result = load_metric("glue", self.task).compute(predictions=predictions, references=references)
        return float(result[self.name])


def check_fits(task: str, problem: Problem, classes: int) -> None:
    """Raise ValueError if the metric of a task of GLUE is not for what a model answers."""
    why, name, task = None, task, BY_NAME.get(task, task)
    if problem is not (Problem.NUMBERS if task == OF_NUMBERS else Problem.CLASSES):
        why = FITTING[problem]
    elif GLUE_METRIC[task] == "f1" and classes != 2:
        why = f"Target is multiclass ({classes} classes), and F1 is of two: leave the metric out"
    if why is not None:
        raise UsageError(f"The metric of {name!r} does not fit the predictions: {why}, or pass `eval_fn`.")
