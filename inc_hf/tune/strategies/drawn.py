"""A choice for each module on its own: all combinations in order, or at random."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, product

from inc_hf.tune.candidate import Candidate
from inc_hf.tune.problem import Choice, Problem, Strategy


def exhaustive(problem: Problem) -> Strategy:
    """INC's "exhaustive": every combination of the modules' options, the last module changing first. Float is the last
    option of each, which INC leaves out."""
    problem.settings()
    yield from problem.until_met(_candidates(problem, product(*problem.options()), "combination"))


def random(problem: Problem) -> Strategy:
    """INC's "random": the default, then combinations drawn without preference, until `max_trials`."""
    problem.settings()
    options = problem.options()
    drawn = ([problem.random.choice(choices) for choices in options] for _ in count())
    if not (yield from problem.until_met([problem.default])):
        yield from problem.until_met(_candidates(problem, drawn, "draw"))


def _candidates(problem: Problem, combinations: Iterable[Sequence[Choice]], word: str) -> Iterator[Candidate]:
    """Those that leave something in integers."""
    for number, choices in enumerate(combinations, 1):
        schemes = {name: scheme for choice in choices for name, scheme in choice.items()}
        if any(scheme is not None for scheme in schemes.values()):
            yield problem.default.changed(schemes, f"{word} {number}")
