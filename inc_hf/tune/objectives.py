"""Which of two trials is the better one."""

from collections.abc import Mapping
from typing import Any

from inc_hf.config import TuningCriterion
from inc_hf.tune.goal import Goal
from inc_hf.tune.history import Trial


def is_better(trial: Trial, best: Trial, goal: Goal, criterion: TuningCriterion) -> bool:
    """Meeting the goal comes first; then the objectives among those that meet it, otherwise the score."""
    if trial.meets_goal != best.meets_goal:
        return trial.meets_goal
    if not trial.meets_goal:
        return goal.is_better(trial.score, best.score)
    return _objective(trial, best, goal, criterion) > 0


def _objective(trial: Trial, best: Trial, goal: Goal, criterion: TuningCriterion) -> float:
    """Weighted sum of the relative gains of `trial` over `best`, positive if `trial` is better."""
    names, weights = _objectives(criterion.objective)
    sign = 1 if goal.criterion.higher_is_better else -1
    gains = {
        "performance": _gain(best.seconds, trial.seconds),
        "modelsize": _gain(best.bytes, trial.bytes),
        "footprint": _gain(best.bytes, trial.bytes),
        "accuracy": sign * _gain(trial.score, best.score),
    }
    return sum(weight * gains[name] for name, weight in zip(names, weights, strict=True))


def _objectives(objective: str | list | Mapping[str, Any]) -> tuple[list[str], list[float]]:
    if isinstance(objective, str):
        return [objective], [1.0]
    if isinstance(objective, Mapping):
        names = objective["objective"]
        return names, objective.get("weight", [1.0 / len(names)] * len(names))
    return list(objective), [1.0 / len(objective)] * len(objective)


def _gain(larger: float, smaller: float) -> float:
    return (larger - smaller) / max(abs(larger), abs(smaller), 1e-30)
