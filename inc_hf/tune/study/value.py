"""The number that a study makes small."""

import math

from inc_hf.tune.goal import Goal
from inc_hf.tune.history import Trial

PENALTY, WORST = 10.0, 100.0
SLOWEST = 5.0


def value_of(trial: Trial, goal: Goal, reference: float) -> float:
    """Of what meets the goal, the loss of accuracy in shares of what is tolerated, and the latency as a share of the
    float model's, or the evaluation's seconds in shares of `reference`, those of the first trial. What misses it is
    worse than all that meets it, by how far it does."""
    tolerated = abs(goal.target - goal.baseline) or abs(goal.baseline) or 1.0
    if not math.isfinite(trial.score):
        return WORST
    if not goal.is_met_by(trial.score):
        return min(PENALTY + math.log1p(abs(trial.score - goal.target) / tolerated), WORST)
    loss = (
        goal.baseline - trial.score if goal.criterion.higher_is_better else trial.score - goal.baseline
    ) / tolerated
    slowness = trial.seconds / max(reference, 1e-9) if trial.latency is None else trial.latency
    return min(max(loss, -1.0), 1.0) + min(slowness, SLOWEST)
