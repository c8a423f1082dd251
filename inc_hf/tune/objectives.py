"""Which of two trials is the better one."""

from collections.abc import Mapping

from inc_hf.config import TuningCriterion
from inc_hf.tune.goal import Goal
from inc_hf.tune.history import Trial

NOISE = 0.05  # of a latency: what differs less is equal


def is_better(trial: Trial, best: Trial, goal: Goal, criterion: TuningCriterion) -> bool:
    """Meeting the goal comes first; then the objectives among those that meet it, and the size where these are equal;
    otherwise the score."""
    if trial.meets_goal != best.meets_goal:
        return trial.meets_goal
    if not trial.meets_goal:
        return goal.is_better(trial.score, best.score)
    gain = _gain_by(trial, best, goal, objectives_of(criterion))
    return gain > 0 or gain == 0 and trial.bytes < best.bytes


def objectives_of(criterion: TuningCriterion) -> dict[str, float]:
    """Objective -> its weight; equal ones where none are given."""
    objective = criterion.objective
    if isinstance(objective, str):
        return {objective: 1.0}
    names = objective["objective"] if isinstance(objective, Mapping) else objective
    weights = objective.get("weight") if isinstance(objective, Mapping) else None
    return dict(zip(names, weights or [1.0 / len(names)] * len(names), strict=True))


def _gain_by(trial: Trial, best: Trial, goal: Goal, weights: Mapping[str, float]) -> float:
    """Weighted sum of the relative gains of `trial` over `best`, positive if `trial` is better."""
    sign = 1 if goal.criterion.higher_is_better else -1
    gains = {
        "performance": _gain_of_time(trial, best),
        "modelsize": _gain(best.bytes, trial.bytes),
        "footprint": _gain(best.bytes, trial.bytes),
        "accuracy": sign * _gain(trial.score, best.score),
    }
    return sum(weight * gains[name] for name, weight in weights.items())


def _gain_of_time(trial: Trial, best: Trial) -> float:
    """By latency, or by the time of the evaluation where that was not measured."""
    if trial.latency is None or best.latency is None:
        return _gain(best.seconds, trial.seconds)
    gain = _gain(best.latency, trial.latency)
    return gain if abs(gain) > NOISE else 0.0


def _gain(larger: float, smaller: float) -> float:
    return (larger - smaller) / max(abs(larger), abs(smaller), 1e-30)
