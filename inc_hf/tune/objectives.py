"""Which of the trials is the best one."""

import math
from collections.abc import Callable, Mapping, Sequence

from inc_hf.config import TuningCriterion
from inc_hf.tune.goal import Goal
from inc_hf.tune.history import Trial

NOISE = 0.05  # of a latency: what differs less from the fastest is as fast


def place_of_best(trials: Sequence[Trial], goal: Goal, criterion: TuningCriterion) -> int:
    """The place of the best trial. Their order matters only where all else is equal: then it is the first.

    Meeting the goal comes first. Of those that meet it, it is the one that is least behind the best of each objective;
    among equals the smallest, then the one with the best score. Of others it is the one that is nearest to the goal.
    """
    met = [i for i, trial in enumerate(trials) if trial.meets_goal]
    if not met:
        return min(range(len(trials)), key=lambda i: goal.missed_by(trials[i].whole_score))
    behind = _behind([trials[i] for i in met], goal, objectives_of(criterion))
    least = min(behind)
    equal = [i for i, far in zip(met, behind, strict=True) if math.isclose(far, least, abs_tol=1e-9)]
    sign = -1 if goal.criterion.higher_is_better else 1
    return min(equal, key=lambda i: (trials[i].bytes, sign * trials[i].score))


def objectives_of(criterion: TuningCriterion) -> dict[str, float]:
    """Objective -> its weight; equal ones where none are given."""
    objective = criterion.objective
    if isinstance(objective, str):
        return {objective: 1.0}
    names = objective["objective"] if isinstance(objective, Mapping) else objective
    weights = objective.get("weight") if isinstance(objective, Mapping) else None
    return dict(zip(names, weights or [1.0 / len(names)] * len(names), strict=True))


def _behind(trials: Sequence[Trial], goal: Goal, weights: Mapping[str, float]) -> list[float]:
    """How far each trial is behind the best of each objective, as a share of the worse of both; the weighted sum."""
    sign = -1 if goal.criterion.higher_is_better else 1
    costs: dict[str, Callable[[Trial], float]] = {
        "performance": _time_in(trials),
        "modelsize": lambda trial: trial.bytes,
        "footprint": lambda trial: trial.bytes,
        "accuracy": lambda trial: sign * trial.score,
    }
    sums = [0.0] * len(trials)
    for name, weight in weights.items():
        values = [costs[name](trial) for trial in trials]
        best = min(values)
        for i, value in enumerate(values):
            far = (value - best) / max(abs(value), abs(best), 1e-30)
            sums[i] += weight * (0.0 if name == "performance" and far <= NOISE else far)
    return sums


def _time_in(trials: Sequence[Trial]) -> Callable[[Trial], float]:
    """The latency, or the time of the evaluation (of all samples) where that was not measured of each."""
    if all(trial.latency is not None for trial in trials):
        return lambda trial: trial.latency
    return lambda trial: trial.seconds * (trial.total / trial.samples if trial.samples and trial.total else 1)
