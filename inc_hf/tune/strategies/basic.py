"""The default, its variants, then the best of them with its most harmful modules back in float."""

from collections.abc import Callable, Sequence
from typing import Any

from inc_hf.config.checks import check_choice
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.fallback import FALLBACKS, fall_back
from inc_hf.tune.problem import Problem, Strategy
from inc_hf.tune.sensitivity import RANKINGS


def basic(problem: Problem) -> Strategy:
    """INC's "basic".

    `strategy_kwargs`: `sensitivity`, one of [`RANKINGS`], by which modules are ordered; `fallback`, one of
    [`FALLBACKS`], and `refine`, whether modules that turn out harmless become integers again, see [`fall_back`]. INC
    measures the order by one full evaluation for each module, `fallback="one_by_one"`.
    """
    settings = problem.settings(sensitivity="gradients", fallback=FALLBACKS[0], refine=True)
    by = check_choice("strategy_kwargs['sensitivity']", settings.pop("sensitivity"), RANKINGS)
    yield from variants_then_fallback(problem, problem.candidates, lambda best: problem.space.rank(best, by), settings)


def variants_then_fallback(
    problem: Problem,
    variants: Sequence[Candidate],
    rank: Callable[[Candidate], list[list[str]]],
    settings: dict[str, Any],
) -> Strategy:
    """The variants in turn, then [`fall_back`] from the one that scored best, in the order of `rank`."""
    found = yield from problem.best_of(variants)
    if found is None:
        return
    best, trial = found
    if trial.meets_goal:  # there is time left, and other objectives than speed gain by it
        settings = {"fallback": "accumulated", "refine": False}
    yield from fall_back(problem, best, rank(best), **settings)
