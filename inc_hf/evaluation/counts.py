"""Metrics that count as the batches come, so that no output is kept."""

from typing import Protocol

import torch
from torch import Tensor

from inc_hf.errors import UsageError
from inc_hf.evaluation.answers import IGNORED, Answers, Problem

AVERAGES = ("binary", "micro", "macro", "weighted")


class Count(Protocol):
    """What was seen so far, and the score of it."""

    def update(self, answers: Answers) -> Tensor | None:
        """Count answers; which of them were right, `(answers,)`, where the score is the share of those."""

    def result(self) -> float: ...


class Accuracy:
    """The share of right answers, or of those among the `k` likeliest; several labels a sample are right or wrong one
    by one, at logit 0 (1 minus scikit-learn's `hamming_loss`)."""

    def __init__(self, k: int | None = None):
        self.k = k or 1
        self.right = self.total = 0

    def update(self, answers: Answers) -> Tensor:
        right = self._right(answers).reshape(-1)
        self.right += int(right.sum())
        self.total += right.numel()
        return right

    def _right(self, answers: Answers) -> Tensor:
        outputs, labels = answers.outputs, answers.labels
        if answers.problem is Problem.NUMBERS:
            raise UsageError(
                "Accuracy is of classes, and the model gives one number a sample (regression); choose mse, rmse or "
                "mae, or pass an evaluation function."
            )
        if answers.problem is Problem.LABELS:
            if self.k > 1:
                raise UsageError(f"The {self.k} likeliest are for one class a sample; here are several labels each.")
            return (outputs > 0) == labels
        if self.k > outputs.shape[-1]:
            raise UsageError(f"`k` of topk is {self.k}, but the model has {outputs.shape[-1]} classes.")
        if self.k == 1:
            return outputs.argmax(-1) == labels
        return (outputs.topk(self.k, -1).indices == labels[:, None]).any(-1)

    def result(self) -> float:
        check_counted(self.total)
        return self.right / self.total


class F1:
    """F1 of class 1 of two (`average="binary"`), or averaged over classes or labels as scikit-learn does."""

    def __init__(self, average: str | None = None):
        self.average = average or "binary"
        self.hits = self.predicted = self.true = None
        self.problem: Problem | None = None

    def update(self, answers: Answers) -> None:
        predicted, true = self._one_hot(answers)
        self.problem = answers.problem
        sums = [part.sum(0) for part in (predicted & true, predicted, true)]
        if self.hits is not None:
            sums = [new + old for new, old in zip(sums, (self.hits, self.predicted, self.true), strict=True)]
        self.hits, self.predicted, self.true = sums

    def _one_hot(self, answers: Answers) -> tuple[Tensor, Tensor]:
        """Predictions and labels as bool, of shape `(answers, classes)`."""
        if answers.problem is Problem.NUMBERS:
            raise UsageError("F1 is of classes, and the model gives one number a sample; choose mse, rmse or mae.")
        classes = answers.outputs.shape[-1]
        if self.average == "binary" and (classes != 2 or answers.problem is Problem.LABELS):
            raise UsageError(
                f'The metric "f1" is of class 1 of two, and the model has {classes} '
                f"{'classes' if answers.problem is Problem.CLASSES else 'labels a sample'}; "
                'choose {"f1": "macro"}, {"f1": "micro"} or {"f1": "weighted"}.'
            )
        if answers.problem is Problem.LABELS:
            return answers.outputs > 0, answers.labels
        every = torch.arange(classes)
        return answers.outputs.argmax(-1)[:, None] == every, answers.labels[:, None] == every

    def result(self) -> float:
        check_counted(int(self.true.sum()) if self.problem is Problem.CLASSES else 1)
        if self.average == "binary":
            return _f1(self.hits[1], self.predicted[1] + self.true[1])
        if self.average == "micro":
            return _f1(self.hits.sum(), self.predicted.sum() + self.true.sum())
        sums = self.predicted + self.true
        scores = 2 * self.hits.double() / sums.clamp(min=1)
        if self.average == "weighted":
            return float((scores * self.true).sum() / self.true.sum().clamp(min=1))
        # a class that neither the labels nor the predictions have is none for scikit-learn; a label is
        present = (sums > 0) | torch.tensor(self.problem is Problem.LABELS)
        return float(scores[present].mean())


def check_counted(total: int) -> None:
    """Raise ValueError if there was no answer to count."""
    if not total:
        raise UsageError(f"All labels are {IGNORED}, which is for what is not to be counted; evaluation needs others.")


def _f1(hits: Tensor, predicted_and_true: Tensor) -> float:
    return float(2 * hits.double() / predicted_and_true.clamp(min=1))


class MeanError:
    """The mean of the squared or absolute differences, or its root."""

    def __init__(self, squared: bool, root: bool = False):
        self.squared, self.root = squared, root
        self.sum, self.total = 0.0, 0

    def update(self, answers: Answers) -> None:
        difference = answers.outputs.double() - answers.labels.double()
        self.sum += float((difference.square() if self.squared else difference.abs()).sum())
        self.total += difference.numel()

    def result(self) -> float:
        return (self.sum / self.total) ** (0.5 if self.root else 1)
