"""Why a goal that was met may say nothing: FP32 scores nothing, there are few samples, all may be lost."""

import re

from inc_hf.tune.goal import Goal

LARGE_LOSS = 0.5
# Scores of which 0 is what chance gives, so that less is worse than that; others may be negative as they like.
OF_CHANCE = re.compile("pearson|spearman|matthews|mcc|kappa|correlation")


def doubts_of(goal: Goal) -> list[str]:
    """What to say of a goal before candidates are compared with it, in sentences."""
    found = [_of_baseline(goal), _of_samples(goal), _of_tolerance(goal)]
    return [doubt for doubt in found if doubt is not None]


def _of_baseline(goal: Goal) -> str | None:
    is_of_chance = bool(OF_CHANCE.search((goal.metric or "").lower()))
    if not goal.criterion.higher_is_better or goal.baseline > 0 or (goal.baseline < 0 and not is_of_chance):
        return None
    return (
        f"The float model itself scores {goal.baseline:.4f}, so that the goal says nothing: do the labels belong to "
        "these texts, and to this model?"
    )


def _of_samples(goal: Goal) -> str | None:
    """Of a score that counts samples, one may weigh more than what may be lost."""
    count, loss = (goal.data or {}).get("samples"), goal.criterion.tolerable_loss
    if goal.metric != "accuracy" or not count or not 0 < loss < 1 / count:
        return None
    samples = "1 sample" if count == 1 else f"{count} samples"
    return f"{samples}: one is {1 / count:.1%} of the score, and the goal is to lose at most {loss:.1%}; take more."


def _of_tolerance(goal: Goal) -> str | None:
    loss = goal.criterion.tolerable_loss
    if goal.criterion.criterion != "relative" or not goal.criterion.higher_is_better or loss < LARGE_LOSS:
        return None
    return f"The goal allows to lose {loss:.0%} of the score: a `tolerable_loss` of 0.01 (--tolerance 0.01) is 1 %."
