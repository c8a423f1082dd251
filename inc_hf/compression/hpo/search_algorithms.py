"""Searchers: `suggest()` hyperparameters, train with them, and say how that went by `get_feedback(metric)`."""

import itertools
import logging
import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from inc_hf.compression.hpo.boosting import BoostedTrees
from inc_hf.compression.hpo.sa_optimizer import SimulatedAnnealingOptimizer
from inc_hf.compression.hpo.search_space import BaseSearchSpace, DiscreteSearchSpace
from inc_hf.config.checks import wrong_type
from inc_hf.config.frameworks import HPOConfig
from inc_hf.errors import UsageError, UsageTypeError

logger = logging.getLogger(__name__)


class Searcher:
    """
    Args:
        search_space (`dict`): name -> `SearchSpace`, or a list of values.
        higher_is_better (`bool`, *optional*, defaults to `True`): whether a higher metric is a better one.
        seed (`int`, *optional*, defaults to 42): of what is suggested.

    Attributes:
        best (`tuple[dict, float]` or `None`): the best hyperparameters so far, and their metric.
    """

    def __init__(self, search_space: Mapping[str, Any], higher_is_better: bool = True, seed: int = 42):
        if not isinstance(search_space, Mapping) or not search_space:
            raise wrong_type("search_space", "a dict, {name: SearchSpace or list of values}", search_space)
        self.spaces = {name: space_of(name, search_space[name]) for name in sorted(search_space)}
        self.sign, self.random = 1 if higher_is_better else -1, random.Random(seed)
        self.best: tuple[dict[str, Any], float] | None = None
        self.last: dict[str, Any] | None = None
        self.tried: list[tuple[list[float], float]] = []  # where in the spaces, and the metric times the sign

    def suggest(self) -> dict[str, Any]:
        """Hyperparameters to train with."""
        self.last = self.choose()
        return dict(self.last)

    def choose(self) -> dict[str, Any]:
        """What is suggested next."""
        return {name: space.get_value(generator=self.random) for name, space in self.spaces.items()}

    def get_feedback(self, metric: float) -> None:
        """The metric of what was suggested last.

        Raises:
            ValueError: nothing was suggested since the last one.
        """
        if self.last is None:
            raise UsageError("Call `suggest()` first: the metric is of the hyperparameters that it gave last.")
        self.feedback(self.last, metric)
        self.last = None

    def feedback(self, param: Mapping[str, Any], metric: float) -> None:
        """The metric of any hyperparameters."""
        if missing := [name for name in self.spaces if name not in param]:
            raise UsageError(f"`param` has no {missing[0]!r}; the hyperparameters are {', '.join(self.spaces)}.")
        score = self.sign * float(metric)
        self.tried.append((self.place(param), score))
        if self.best is None or score > self.sign * self.best[1]:
            self.best = (dict(param), metric)

    def place(self, param: Mapping[str, Any]) -> list[float]:
        return [space.place(param[name]) for name, space in self.spaces.items()]


def space_of(name: str, given: Any) -> BaseSearchSpace:
    """A space, made of a list where one is given."""
    if isinstance(given, BaseSearchSpace):
        return given
    if isinstance(given, list | tuple) and given:
        return DiscreteSearchSpace(value=given)
    raise wrong_type(f"search_space[{name!r}]", "a SearchSpace, or a list of values", given)


class GridSearcher(Searcher):
    """All combinations, one after the other, and then from the start."""

    def __init__(self, search_space: Mapping[str, Any], higher_is_better: bool = True, seed: int = 42):
        super().__init__(search_space, higher_is_better, seed)
        for name, space in self.spaces.items():
            if not isinstance(space, DiscreteSearchSpace):
                raise UsageError(f"A grid has no continuous space, as {name!r} is: give `interval`, or take 'random'.")
        self.grid = self._combinations()

    def _combinations(self):
        for values in itertools.product(*(space.get_all() for space in self.spaces.values())):
            yield dict(zip(self.spaces, values, strict=True))

    def choose(self) -> dict[str, Any]:
        chosen = next(self.grid, None)
        if chosen is None:
            logger.warning("All combinations of the grid were suggested; it starts anew.")
            self.grid = self._combinations()
            chosen = next(self.grid)
        return chosen


class RandomSearcher(Searcher):
    """Combinations at random."""


class BayesianOptimizationSearcher(Searcher):
    """What promises most by a Gaussian process of the metrics so far, on Optuna; the first ones are random.

    Raises:
        ImportError: Optuna is not installed.
    """

    def __init__(self, search_space: Mapping[str, Any], higher_is_better: bool = True, seed: int = 42):
        super().__init__(search_space, higher_is_better, seed)
        try:
            from inc_hf.compression.hpo.bayesian import GaussianProcess
        except ImportError as error:
            raise ImportError(
                'The searcher "bo" needs Optuna: pip install "inc-hf[tune]", or take "random".'
            ) from error
        self.process = GaussianProcess(self.spaces, seed)

    def choose(self) -> dict[str, Any]:
        return self.process.promising()

    def feedback(self, param: Mapping[str, Any], metric: float) -> None:
        super().feedback(param, metric)
        self.process.learn(param, self.sign * float(metric))


class XgbSearcher(Searcher):
    """What is best by boosted trees that learn the metrics so far, searched by simulated annealing.

    They are those of XGBoost, or, where that is not installed, of scikit-learn.

    Args:
        loss_type (`str`, *optional*, defaults to `"reg"`): whether it learns metrics, or their order ("rank").
        min_train_samples (`int`, *optional*, defaults to 10): the first ones, which are random.

    Raises:
        ImportError: neither is installed.
    """

    def __init__(
        self,
        search_space: Mapping[str, Any],
        higher_is_better: bool = True,
        loss_type: str = "reg",
        min_train_samples: int = 10,
        seed: int = 42,
    ):
        super().__init__(search_space, higher_is_better, seed)
        self.model, self.min_train_samples = BoostedTrees(loss_type == "rank", seed), min_train_samples
        self.annealing = SimulatedAnnealingOptimizer(self._others, seed=seed)

    def _others(self, points: Any) -> list[Any]:
        return [self.place(super(XgbSearcher, self).choose()) for _ in points]

    def choose(self) -> dict[str, Any]:
        if len(self.tried) < self.min_train_samples:
            return super().choose()
        places, scores = map(np.array, zip(*self.tried, strict=True))
        self.model.fit(places, scores)
        return self._at(self.annealing.gen_next_params(self.model.predict, self._others(places)))

    def _at(self, place: Any) -> dict[str, Any]:
        """The hyperparameters at a place."""
        return {name: value_at(space, at) for (name, space), at in zip(self.spaces.items(), place, strict=True)}


def value_at(space: BaseSearchSpace, place: float) -> Any:
    """The value of a space that is nearest to a place from 0 to 1."""
    if isinstance(space, DiscreteSearchSpace):
        return space.get_nth_value(round(place * (space.total_num - 1)))
    return space.bound[0] + place * (space.bound[1] - space.bound[0])


def prepare_hpo(config: HPOConfig) -> Searcher:
    """The searcher that a config asks for.

    Raises:
        TypeError: it is no [`HPOConfig`].
        ImportError: "bo" needs Optuna, "xgb" XGBoost or scikit-learn.
    """
    if not isinstance(config, HPOConfig):
        raise UsageTypeError(f"`config` must be a HPOConfig, got {type(config).__name__}.")
    common = {"higher_is_better": config.higher_is_better, "seed": config.seed}
    if config.searcher == "xgb":
        return XgbSearcher(
            config.search_space, loss_type=config.loss_type, min_train_samples=config.min_train_samples, **common
        )
    kinds = {"grid": GridSearcher, "random": RandomSearcher, "bo": BayesianOptimizationSearcher}
    return kinds[config.searcher](config.search_space, **common)
