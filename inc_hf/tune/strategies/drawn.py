"""A choice for each module on its own: all combinations in order, or at random."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any

from inc_hf.tune.candidate import Candidate
from inc_hf.tune.problem import Choice, Problem, Strategy
from inc_hf.tune.study import studied


def exhaustive(problem: Problem) -> Strategy:
    """INC's "exhaustive": every combination of the modules' options, the last module changing first. Float is the last
    option of each, which INC leaves out."""
    problem.settings()
    yield from problem.until_met(_candidates(problem, product(*problem.options())))


def random(problem: Problem) -> Strategy:
    """INC's "random", on Optuna: the default, then combinations drawn without preference, until `max_trials`.

    `strategy_kwargs`: `storage` and `study_name`, see docs/tune.md.
    """
    yield from studied(problem, _sampler, informed=False)


def _sampler(seed: int) -> Any:
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)


def _candidates(problem: Problem, combinations: Iterable[Sequence[Choice]]) -> Iterator[Candidate]:
    """Those that leave something in integers."""
    for number, choices in enumerate(combinations, 1):
        schemes = {name: scheme for choice in choices for name, scheme in choice.items()}
        if any(scheme is not None for scheme in schemes.values()):
            yield problem.default.changed(schemes, f"combination {number}")
