"""Whether a goal is missed, or met, for certain, when a part of the answers is known.

The score is the share of right answers. What is compared is the sum of the differences between a candidate's answers
and the float model's, each of which is -1, 0 or 1: most are 0, so that they tell more than the candidate's alone.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from inc_hf.tune.goal import Goal

BOLDEST = 0.75  # of the largest bet that cannot lose everything
FIRST_VARIANCE = 0.25  # of a difference, before any is seen


def needed(goal: Goal, total: int) -> int:
    """The least number of right answers of `total` that meets the goal; `total + 1` if none does."""
    low, high = 0, total + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if goal.is_met_by(middle / total) else (middle + 1, high)
    return low


@dataclass
class Bet:
    """Evidence that the sum of all differences is below `least` (`sign` 1), or that it is above it (-1).

    Who bets on it with each answer, and never more than there is, multiplies the money by 100 with a probability of
    1 % at most if it is not so, however often that is looked at (Ville's inequality). What the next answer is expected
    to be then follows from those before it, as all are drawn without replacement: Waudby-Smith and Ramdas, "Estimating
    means of bounded random variables by betting", JRSS B 86 (2024), on sampling without replacement.

    Attributes:
        money (`float`): its logarithm.
    """

    total: int
    least: int
    sign: int
    seen: int = 0
    sum: float = 0.0
    squares: float = 0.0
    money: float = 0.0
    most: float = 0.0

    def add(self, x: np.ndarray) -> None:
        """Bet on the differences of a batch, of shape `(answers,)`; how boldly is what was seen before says."""
        before = self.sum + np.cumsum(x) - x
        expected = (self.least - before) / (self.total - self.seen - np.arange(len(x)))
        mean = self.sum / (self.seen + 1)
        variance = (FIRST_VARIANCE + self.squares - self.sum * mean) / (self.seen + 1)
        gap = self.sign * (expected - mean)
        # what is lost is at most `1 - expected`, for a difference of 1; and the reverse for the reverse
        most = BOLDEST / np.maximum(1 - self.sign * expected, 1e-12)
        stake = np.where(np.abs(expected) < 1, np.clip(gap / (variance + gap**2), 0, most), 0)
        money = self.money + np.cumsum(np.log1p(-self.sign * stake * (x - expected)))
        self.money, self.most = float(money[-1]), max(self.most, float(money.max()))
        self.seen, self.sum = self.seen + len(x), self.sum + float(x.sum())
        self.squares += float((x**2).sum())


@dataclass
class Decision:
    """What is known of one candidate's score after each batch: it is at least `low` and at most `high`.

    Args:
        goal: where a higher score is better.
        reference (`torch.Tensor` of shape `(answers,)`, bool): which answers of the float model were right.
        confidence: None for what is certain only. With it, the order of the answers has to tell nothing.
    """

    goal: Goal
    reference: Tensor
    confidence: float | None = None
    right: int = 0
    seen: int = 0
    low: float = 0.0
    high: float = 1.0
    bets: list[Bet] = field(default_factory=list)

    def __post_init__(self):
        self.total = len(self.reference)
        self.needed = needed(self.goal, self.total)
        if self.confidence is not None:
            least = self.needed - int(self.reference.sum())
            self.bets = [Bet(self.total, least, 1), Bet(self.total, least - 1, -1)]

    def add(self, right: Tensor) -> None:
        """Count the answers of a batch, of shape `(answers,)`, bool."""
        reference = self.reference[self.seen : self.seen + len(right)]
        self.seen, self.right = self.seen + len(right), self.right + int(right.sum())
        self.low, self.high = self.right / self.total, (self.right + self.total - self.seen) / self.total
        difference = (right.double() - reference.double()).numpy()
        for bet in self.bets:
            bet.add(difference)
            if bet.most >= -math.log(1 - self.confidence):
                self._take(bet)

    def _take(self, bet: Bet) -> None:
        """What a bet that is won says, as far as it does not contradict what is certain."""
        if bet.sign == 1:
            self.high = max(min(self.high, (self.needed - 1) / self.total), self.low)
        else:
            self.low = min(max(self.low, self.needed / self.total), self.high)

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met, None as long as that is open."""
        if not self.goal.is_met_by(self.high):
            return False
        return True if self.goal.is_met_by(self.low) else None

    def estimate(self, paired: bool = True) -> float:
        """The score: the float model's, moved as far as it was so far; without `paired` the share of right answers.

        It is in line with what is known, so that no estimate of a miss looks like a hit.
        """
        score = self.right / self.seen
        if paired:
            score += float(self.reference.double().mean() - self.reference[: self.seen].double().mean())
        return min(max(score, self.low), self.high)
