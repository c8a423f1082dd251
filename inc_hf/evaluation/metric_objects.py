"""INC's metrics as objects that a loop of one's own fills: `update(preds, labels)`, `reset()` and `result()`.

They take tensors, arrays, lists and numbers.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from inc_hf.errors import UsageError


class BaseMetric(ABC):
    """What a metric of one's own inherits from, as in INC; `higher_is_better` says which score is a better one.

    Args:
        metric, single_output, hvd: as in INC, where they wrapped a metric of a framework; not used.
    """

    higher_is_better: bool | None = None

    def __init__(self, metric: Any = None, single_output: bool = False, hvd: Any = None):
        self.metric, self.hvd = metric, hvd

    @abstractmethod
    def update(self, preds: Any, labels: Any = None, sample_weight: Any = None) -> None:
        """Count one batch."""

    @abstractmethod
    def reset(self) -> None:
        """Forget what was counted."""

    @abstractmethod
    def result(self) -> float:
        """The score of all batches since the last reset."""


class Mean(BaseMetric):
    """The mean over what [`add`] has summed."""

    def __init__(self):
        self.reset()

    def reset(self) -> None:
        self.sum, self.count = 0.0, 0

    def add(self, sum_of_batch: Any, count: int) -> None:
        self.sum, self.count = self.sum + float(sum_of_batch), self.count + count

    def result(self) -> float:
        return self.sum / self.count if self.count else 0.0


class Accuracy(Mean):
    """The share of right answers.

    `preds` are classes as `labels` are, or their logits of shape `(batch, classes, ...)`; of several labels a sample,
    `(batch, labels)` of both, each one counts.
    """

    higher_is_better = True

    def update(self, preds: Any, labels: Any, sample_weight: Any = None) -> None:
        preds, labels = array(preds), array(labels)
        if preds.ndim == labels.ndim and preds.ndim > 1 and labels.shape[1] == 1 < preds.shape[1]:
            labels = labels[:, 0]
        if preds.ndim == labels.ndim + 1:
            preds = preds[:, 0] if preds.shape[1] == 1 else preds.argmax(1)
        check_shapes(preds, labels)
        self.add((preds == labels).sum(), labels.size)


class GeneralTopK(Mean):
    """The share of samples whose label is among the `k` likeliest.

    `preds` are logits, `(batch, classes)`, or `(classes,)` of one sample; `labels` are classes, or one-hot.
    """

    higher_is_better = True

    def __init__(self, k: int = 1):
        if not isinstance(k, int) or isinstance(k, bool) or k < 1:
            raise UsageError(f"`k` of topk must be an int of at least 1, got {k!r}.")
        self.k = k
        super().__init__()

    def update(self, preds: Any, labels: Any, sample_weight: Any = None) -> None:
        preds, labels = array(preds), array(labels)
        preds = preds[None] if preds.ndim == 1 else preds.reshape(len(preds), -1)
        labels = labels.reshape(len(preds), -1) if labels.size % len(preds) == 0 else labels
        if len(labels) != len(preds):
            raise UsageError(f"topk got {len(preds)} samples, and labels of shape {labels.shape}.")
        classes = labels[:, 0] if labels.shape[1] == 1 else labels.argmax(1)
        best = np.argsort(preds, 1, kind="stable")[:, -self.k :]
        self.add((best == classes[:, None]).any(1).sum(), len(preds))


class F1(BaseMetric):
    """F1 of class 1 of two, over all batches: `preds` are 0 or 1, or logits of shape `(batch, 2)`.

    Of two lists, which are all that INC took, it is the overlap of their elements in any order, as that of the words
    of two answers, and the mean of it over the updates.
    """

    higher_is_better = True

    def __init__(self):
        self.reset()

    def reset(self) -> None:
        self.overlaps: list[float] = []
        self.hits = self.predicted_and_true = 0

    def update(self, preds: Any, labels: Any, sample_weight: Any = None) -> None:
        if isinstance(preds, Sequence) and isinstance(labels, Sequence):
            self.overlaps.append(overlap(preds, labels))
            return
        preds, labels = array(preds), array(labels).reshape(-1)
        preds = preds.argmax(1) if preds.ndim == 2 and preds.shape[1] == 2 else preds.reshape(-1)
        check_shapes(preds, labels)
        if not np.isin([*np.unique(preds), *np.unique(labels)], (0, 1)).all():
            raise UsageError('F1 is of class 1 of two, got others; for more pass `eval_metric={"f1": "macro"}`.')
        self.hits += int((preds * labels).sum())
        self.predicted_and_true += int(preds.sum() + labels.sum())

    def result(self) -> float:
        if self.overlaps:
            return float(np.mean(self.overlaps))
        return 2 * self.hits / max(self.predicted_and_true, 1)


def overlap(found: Sequence, right: Sequence) -> float:
    """F1 of the elements of two sequences, in any order."""
    same = sum((Counter(found) & Counter(right)).values())
    return 2 * same / (len(found) + len(right)) if same else 0.0


class Loss(Mean):
    """The mean of `preds`, which are the losses of the samples."""

    higher_is_better = False

    def update(self, preds: Any, labels: Any = None, sample_weight: Any = None) -> None:
        preds = array(preds)
        self.add(preds.sum(), preds.reshape(-1).size if labels is None else array(labels).reshape(-1).size)


class MSE(Mean):
    """The mean of the squared differences.

    Args:
        compare_label (`bool`, *optional*, defaults to `True`): as in INC, which compared with the float model where
            it was False; here `update` is given what to compare with.
    """

    higher_is_better = False

    def __init__(self, compare_label: bool = True):
        self.compare_label = compare_label
        super().__init__()

    def update(self, preds: Any, labels: Any, sample_weight: Any = None) -> None:
        preds, labels = array(preds).astype(np.float64), array(labels).astype(np.float64)
        if preds.shape != labels.shape and preds.size == labels.size:  # of regression: (batch, 1) and (batch,)
            preds = preds.reshape(labels.shape)
        check_shapes(preds, labels)
        self.add(self.of_difference(preds - labels).sum(), labels.size)

    def of_difference(self, difference: np.ndarray) -> np.ndarray:
        return difference**2


class MAE(MSE):
    """The mean of the absolute differences."""

    def of_difference(self, difference: np.ndarray) -> np.ndarray:
        return abs(difference)


class RMSE(MSE):
    """The root of the mean of the squared differences."""

    def result(self) -> float:
        return super().result() ** 0.5


def array(value: Any) -> np.ndarray:
    """A tensor, an array, a number, or a list of them, as an array of at least one dimension."""
    if isinstance(value, list | tuple):
        value = [array(part)[0] if np.ndim(part) == 0 else array(part) for part in value]
    if isinstance(value, torch.Tensor):
        value = value.detach().to("cpu")
        value = (value.float() if value.is_floating_point() else value).numpy()
    return np.atleast_1d(np.asarray(value))


def check_shapes(preds: np.ndarray, labels: np.ndarray) -> None:
    """Raise ValueError where predictions and labels do not belong together."""
    if preds.shape != labels.shape:
        raise UsageError(f"Predictions of shape {preds.shape} do not fit labels of shape {labels.shape}.")
