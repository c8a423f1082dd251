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
    missed = goal.missed_by(trial.whole_score)
    if not math.isfinite(missed):
        return WORST
    if not goal.is_met_by_trial(trial):
        return min(PENALTY + math.log1p(max(missed, 0.0)), WORST)
    loss = missed + (1.0 if goal.target != goal.baseline else 0.0)
    slowness = trial.seconds / max(reference, 1e-9) if trial.latency is None else trial.latency
    return min(max(loss, -1.0), 1.0) + min(slowness, SLOWEST)
