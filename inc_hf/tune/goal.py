"""The score that a candidate has to reach."""

import math
from dataclasses import dataclass
from typing import Any

from inc_hf.config import AccuracyCriterion


@dataclass(frozen=True)
class Goal:
    """The score that a candidate has to reach, from the float model's score and an `AccuracyCriterion`.

    `metric` is the name of what the score is, `data` what is known of the data, see [`inc_hf.evaluation.named_data`].
    """

    baseline: float
    criterion: AccuracyCriterion
    metric: str | None = None
    data: dict[str, Any] | None = None

    @property
    def target(self) -> float:
        """INC's formulas: `b * (1 - loss)` relative (`1 + loss` if lower is better), `b - loss` absolute."""
        loss = self.criterion.tolerable_loss
        signed = -loss if self.criterion.higher_is_better else loss
        return self.baseline + signed * (abs(self.baseline) if self.criterion.criterion == "relative" else 1)

    def is_met_by(self, score: float) -> bool:
        # 0.8 - 0.1 is more than 0.7, and scores are often float32
        return self.is_better(score, self.target) or math.isclose(score, self.target, rel_tol=1e-6)

    def is_better(self, score: float, than: float) -> bool:
        return score > than if self.criterion.higher_is_better else score < than
