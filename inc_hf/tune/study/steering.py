"""What a strategy on Optuna is made of. Optuna is an optional package: the other files here import it, this does when
a strategy is chosen."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inc_hf.config import TuningCriterion
from inc_hf.config.checks import wrong_type
from inc_hf.tune.problem import Problem, Strategy

SETTINGS = {"storage": None, "study_name": None}
PACKAGES = {"bayesian": ["optuna", "scipy"]}


def studied(problem: Problem, sampler: Callable[[int], Any], informed: bool = True) -> Strategy:
    """Take part in the study that `strategy_kwargs` names, by points of a sampler of Optuna.

    Args:
        sampler: seed -> `optuna.samplers.BaseSampler`.
        informed: whether the ranking of the modules by their harm chooses the first points.
    """
    settings = problem.settings(**SETTINGS)
    check_packages(problem.tuning.strategy)
    from inc_hf.tune.study.participant import Participant

    participant = Participant(problem, settings, sampler, informed)
    try:
        yield from participant.search()
    finally:
        participant.leave()


def check_packages(strategy: str) -> None:
    """Raise ImportError unless all that a strategy runs on is installed."""
    for package in PACKAGES.get(strategy, ["optuna"]):
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise ImportError(f'The strategy {strategy!r} needs {package}: pip install "inc-hf[tune]"') from error


def check_study(strategy: str, tuning: TuningCriterion, workspace: str | Path) -> None:
    """Raise ValueError or ImportError if a study cannot be opened, before the float model is evaluated; a journal that
    is not there yet is not made."""
    check_packages(strategy)
    for name, kinds in (("storage", str | Path), ("study_name", str)):
        if not isinstance(given := tuning.strategy_kwargs.get(name), kinds | None):
            raise wrong_type(f"strategy_kwargs[{name!r}]", "a string", given)
    from inc_hf.tune.study.storage import check_storage

    check_storage(tuning.strategy_kwargs.get("storage"), Path(workspace))
