"""Hyperparameters that promise most, by a Gaussian process of the metrics so far. The only file here with Optuna."""

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import GPSampler
from optuna.trial import TrialState, create_trial

from inc_hf.compression.hpo.search_space import BaseSearchSpace, DiscreteSearchSpace
from inc_hf.tune.study.loudness import as_loud_as_us


class GaussianProcess:
    """A study of Optuna in memory; its first points are random."""

    def __init__(self, spaces: Mapping[str, BaseSearchSpace], seed: int):
        self.spaces = spaces
        self.distributions = {name: _distribution(space) for name, space in spaces.items()}
        with as_loud_as_us():
            self.study = optuna.create_study(sampler=GPSampler(seed=seed, n_startup_trials=len(spaces) + 1))

    def promising(self) -> dict[str, Any]:
        """What to try next."""
        with as_loud_as_us():
            trial = self.study.ask(self.distributions)
        self.study.tell(trial, state=TrialState.FAIL)  # its metric may never come, or that of others
        return {name: _value(space, trial.params[name]) for name, space in self.spaces.items()}

    def learn(self, param: Mapping[str, Any], score: float) -> None:
        """The score of hyperparameters; higher is better."""
        params = {name: _number(space, param[name]) for name, space in self.spaces.items()}
        self.study.add_trial(create_trial(params=params, distributions=self.distributions, value=-score))


def _distribution(space: BaseSearchSpace) -> BaseDistribution:
    if isinstance(space, DiscreteSearchSpace):
        return IntDistribution(0, space.total_num - 1)
    return FloatDistribution(*map(float, space.bound))


def _number(space: BaseSearchSpace, value: Any) -> float:
    return space.index(value) if isinstance(space, DiscreteSearchSpace) else float(value)


def _value(space: BaseSearchSpace, number: float) -> Any:
    return space.get_nth_value(number) if isinstance(space, DiscreteSearchSpace) else number
