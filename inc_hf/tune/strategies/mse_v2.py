"""Fallback of what harms the output most, looked for anew after each step; then what harms least becomes integers."""

from collections.abc import Generator

from inc_hf.config.checks import check_int
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.history import Trial
from inc_hf.tune.problem import Problem, Strategy
from inc_hf.tune.sensitivity.mixture import Mixture

MOST_VARIANTS = 2
Groups = list[list[str]]


def mse_v2(problem: Problem) -> Strategy:
    """INC's "mse_v2": `confidence_batches` of `strategy_kwargs` are looked at for each module in each step."""
    settings = problem.settings(confidence_batches=2)
    count = check_int("strategy_kwargs['confidence_batches']", settings["confidence_batches"], low=1)
    found = yield from problem.best_of(problem.candidates[:MOST_VARIANTS])
    if found is None:
        return
    best, _ = found
    mixture = problem.space.mixture(best, count)
    in_float = yield from _more_in_float(best, problem.space.groups(best), mixture)
    yield from _back_to_integers(best, in_float, mixture)


def _more_in_float(start: Candidate, groups: Groups, mixture: Mixture) -> Generator[Candidate, Trial, Groups]:
    """The items in float when the goal was met. The last of all is not tried: with it, that is the float model."""
    in_float: Groups = []
    while len(groups) > 1:
        best = min(groups, key=lambda group: mixture.error(_names([*in_float, group])))
        in_float, groups = [*in_float, best], [group for group in groups if group is not best]
        names = _names(in_float)
        trial = yield start.without(names, f"{start.label}, {len(names)} in float ({', '.join(best)})")
        if trial.meets_goal:
            return in_float
    return [*in_float, *groups]


def _back_to_integers(start: Candidate, in_float: Groups, mixture: Mixture) -> Generator[Candidate, Trial, None]:
    """As long as the goal is met. The last item that went to float met it, so that it stays."""
    last, rest = in_float[-1], in_float[:-1]
    while rest:
        least = min(rest, key=lambda group: mixture.error(_names([g for g in [*rest, last] if g is not group])))
        rest = [group for group in rest if group is not least]
        names = _names([*rest, last])
        trial = yield start.without(names, f"{start.label}, {len(names)} in float, {', '.join(least)} no more")
        if not trial.meets_goal:
            return


def _names(groups: Groups) -> list[str]:
    return [name for group in groups for name in group]
