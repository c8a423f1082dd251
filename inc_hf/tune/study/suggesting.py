"""The next point, by a sampler of Optuna that sees the trials of all processes."""

import hashlib
from collections.abc import Callable
from random import Random

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from inc_hf.tune.study.points import Points

STARTUP = 10  # trials before a sampler has learnt something, as in INC
ATTEMPTS = 10
Values = dict[int, float]
"""Number of a trial -> its value."""


def suggested(
    points: Points, trials: list[FrozenTrial], values: Values, tried: set[str], sampler: Callable[[int], BaseSampler],
    seed: str, informed: bool, met: bool,
) -> dict[str, str] | None:  # fmt: skip
    """A point that is not tried yet; None if there is none. It depends on the seed and the trials only, so a search
    of one process that was interrupted goes on as it would have.

    Until the goal is `met`, every other point is drawn: where each of several modules destroys the model alone, the
    scores tell a sampler nothing before all of them are in float.
    """
    for point in points.first(informed):
        if points.is_new(point, tried):
            return point
    draws = informed and (len(values) < STARTUP or (len(trials) % 2 == 0 and not met))
    number = int(hashlib.sha256(f"{seed} {len(trials)}".encode()).hexdigest()[:8], 16)
    random, point = Random(number), {}
    draw = _asking(points, trials, values, sampler(number))
    for _ in range(ATTEMPTS):
        point = points.drawn(random) if draws else draw()
        if points.is_new(point, tried):
            return point
    return points.near(point, tried, random)


def _asking(
    points: Points, trials: list[FrozenTrial], values: Values, sampler: BaseSampler
) -> Callable[[], dict[str, str]]:
    """Asks a study in memory with these trials, so that what it gives twice is nobody else's business."""
    study = optuna.create_study(sampler=sampler)
    space = {name: CategoricalDistribution(words) for name, words in points.choices.items()}
    for trial in trials:
        if trial.params.keys() == space.keys() and (trial.number in values or trial.state == TrialState.RUNNING):
            known = {"value": values[trial.number]} if trial.number in values else {"state": TrialState.RUNNING}
            study.add_trial(create_trial(params=trial.params, distributions=space, **known))
    return lambda: study.ask(fixed_distributions=space).params
