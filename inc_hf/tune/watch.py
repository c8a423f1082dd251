"""What is seen of an evaluation while it runs, batch by batch, and when it ends before its data does."""

import time
import zlib
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from inc_hf.config import TuningCriterion
from inc_hf.tune.early import Decision
from inc_hf.tune.goal import Goal
from inc_hf.tune.history import Trial


@dataclass
class Seen:
    """What was seen of one evaluation.

    Attributes:
        right (`list[torch.Tensor]`): which answers were right, batch by batch; None of one whose score is no share.
        labels: a number for those of each batch: an evaluation in another order has others.
    """

    samples: int = 0
    right: list[Tensor | None] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def __call__(self, samples: int, right: Tensor | None, labels: Any) -> bool:
        """Remember a batch, see [`inc_hf.evaluation.loop.Watch`]."""
        self.samples += samples
        self.right.append(None if right is None else right.detach().cpu())
        if right is not None:
            self.labels.append(zlib.crc32(np.asarray(torch.as_tensor(labels).cpu()).tobytes()))
        return False

    def to_dict(self) -> dict[str, Any]:
        """As values that JSON knows: of each batch the answers as a text of 0 and 1."""
        right = [None if each is None else "".join(map(str, each.int().tolist())) for each in self.right]
        return {"samples": self.samples, "right": right, "labels": self.labels}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Seen":
        """Undo `to_dict`.

        Raises:
            ValueError, KeyError, TypeError: these are other values.
        """
        right = [None if each is None else torch.tensor([bool(int(one)) for one in each]) for each in values["right"]]
        return cls(int(values["samples"]), right, [int(number) for number in values["labels"]])

    def reference(self, score: float) -> Tensor | None:
        """Which answers were right, if the score is the share of them."""
        if not self.right or any(right is None for right in self.right):
            return None
        right = torch.cat(self.right)
        return right if len(right) and abs(float(right.double().mean()) - score) < 1e-9 else None


class Evaluation(Protocol):
    """Model -> score. Of a trial NaN is one, of the float model it is an error; see `inc_hf.evaluation`."""

    def __call__(self, model: nn.Module, watch: Seen) -> float: ...

    def of_trial(self, model: nn.Module, watch: "Watch") -> float: ...


class Watch:
    """Looks at each trial of a search.

    Args:
        goal, tuning: of the search.
        baseline: what was seen of the float model's evaluation; None if nothing was.

    Attributes:
        deadline (`float` or `None`): of `time.monotonic()`, for evaluations that may end there.
        timed_out (`bool`): whether the last one did.
    """

    def __init__(self, goal: Goal, tuning: TuningCriterion, baseline: Seen | None = None):
        self.goal, self.tuning, self.baseline = goal, tuning, baseline
        usable = tuning.early_stop is not None and goal.is_one and goal.criterion.higher_is_better
        self.reference = baseline.reference(goal.baseline) if usable and baseline else None
        self.deadline: float | None = None
        self.begin()

    def begin(self) -> None:
        """Before an evaluation."""
        self.seen, self.timed_out, self.same_order = Seen(), False, True
        self.decision = None if self.reference is None else Decision(self.goal, self.reference, self._confidence())

    def _confidence(self) -> float | None:
        one_a_sample = self.baseline.samples == len(self.reference)
        return self.tuning.early_stop_confidence if self.tuning.early_stop == "sequential" and one_a_sample else None

    def judged(self, trial: Trial) -> bool | None:
        """Whether a trial of an earlier search, maybe with another goal, meets this one; None if that takes a new
        evaluation, or its score does."""
        met = self.goal.is_met_by_trial(trial)
        return None if met and trial.low is not None and not self.tuning.early_accept else met

    def __call__(self, samples: int, right: Tensor | None, labels: Any) -> bool:
        """Whether the evaluation ends after this batch."""
        self.seen(samples, right, labels)
        if self.decision is not None:
            self._decide(self.seen.right[-1])
        is_at_end = self.is_decided or self.baseline is not None and self.seen.samples >= self.baseline.samples
        self.timed_out = not is_at_end and self.deadline is not None and time.monotonic() > self.deadline
        return self.timed_out or self.is_decided

    def _decide(self, right: Tensor | None) -> None:
        if right is None or self.decision.seen + len(right) > self.decision.total:  # other data than the float model's
            self.decision = None
            return
        count = len(self.seen.labels)
        if self.same_order and self.seen.labels != self.baseline.labels[:count]:
            self.same_order, self.decision.confidence, self.decision.bets = False, None, []
        self.decision.add(right)

    @property
    def is_decided(self) -> bool:
        """Whether the rest of the data is not needed."""
        met = None if self.decision is None else self.decision.is_met
        return met is False or (met is True and self.tuning.early_accept)

    @property
    def is_partial(self) -> bool:
        """Whether the evaluation ended since it was decided, before its data did."""
        return self.is_decided and self.decision.seen < self.decision.total

    def found(self) -> dict[str, Any]:
        """The fields of a trial that tell how much of the data it has seen."""
        if self.baseline is None or not self.seen.samples:
            return {}
        found = {"samples": self.seen.samples, "total": self.baseline.samples}
        return found | ({"low": self.decision.low, "high": self.decision.high} if self.is_partial else {})

    def score(self, score: float) -> float:
        """The score of a trial: what the evaluation gave, or an estimate if it ended early."""
        return self.decision.estimate(self.same_order) if self.is_partial else score
