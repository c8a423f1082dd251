"""The score that a candidate has to reach."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inc_hf.config import AccuracyCriterion
from inc_hf.score import Score
from inc_hf.tune.history import Trial


@dataclass(frozen=True)
class Goal:
    """The score that a candidate has to reach, from the float model's score and an `AccuracyCriterion`.

    `metric` is the name of what the score is, `data` what is known of the data, see [`inc_hf.evaluation.named_data`].
    With `parts`, the goals of several metrics by their names, what counts is that each of them is met.
    """

    baseline: float
    criterion: AccuracyCriterion
    metric: str | None = None
    data: dict[str, Any] | None = None
    parts: Mapping[str, "Goal"] = field(default_factory=dict)

    @property
    def target(self) -> float:
        """INC's formulas: `b * (1 - loss)` relative (`1 + loss` if lower is better), `b - loss` absolute."""
        loss = self.criterion.tolerable_loss
        signed = -loss if self.criterion.higher_is_better else loss
        return self.baseline + signed * (abs(self.baseline) if self.criterion.criterion == "relative" else 1)

    @property
    def is_one(self) -> bool:
        """Whether one number says whether it is met."""
        return not self.parts

    def is_met_by(self, score: float) -> bool:
        """Whether a score, or a [`Score`] with those of several metrics, is good enough."""
        if self.parts:
            scores = Score.of(score).scores or {}
            return all(name in scores and part.is_met_by(scores[name]) for name, part in self.parts.items())
        # 0.8 - 0.1 is more than 0.7, and scores are often float32
        return self.is_better(score, self.target) or math.isclose(score, self.target, rel_tol=1e-6)

    def is_better(self, score: float, than: float) -> bool:
        return score > than if self.criterion.higher_is_better else score < than

    def missed_by(self, score: float) -> float:
        """How far a score is from the goal, in shares of the loss that is tolerated, of several metrics the worst one;
        not above 0 where it is met, infinite for what is no number."""
        if self.parts:
            scores = Score.of(score).scores or {}
            return max(part.missed_by(scores.get(name, math.nan)) for name, part in self.parts.items())
        far = self.target - score if self.criterion.higher_is_better else score - self.target
        return math.inf if math.isnan(far) else far / self.tolerated

    @property
    def tolerated(self) -> float:
        """The loss that is tolerated, in the unit of the score; where none is, the unit of what is lost."""
        return abs(self.target - self.baseline) or abs(self.baseline) or 1.0

    def is_met_by_trial(self, trial: Trial) -> bool | None:
        """The same of a trial, maybe one of another goal; None if what is known of it does not say."""
        if self.parts.keys() - (trial.scores or {}).keys():
            return None
        if trial.low is None or trial.high is None:
            return self.is_met_by(trial.whole_score)
        low, high = self.is_met_by(trial.low), self.is_met_by(trial.high)
        return low if low == high else None
