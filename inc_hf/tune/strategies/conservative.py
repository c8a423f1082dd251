"""From the float model on, one kind of layer after the other becomes integers, as long as the goal is met."""

from collections.abc import Generator

from inc_hf.tune.candidate import Candidate
from inc_hf.tune.history import Trial
from inc_hf.tune.problem import Problem, Strategy

ORDER = ("Conv", "Linear", "LSTM")  # INC's, by how a kind's name begins; others come after them


def conservative(problem: Problem) -> Strategy:
    """INC's "conservative" (`quant_level` 0): the kinds that keep the goal alone or with those before are kept."""
    problem.settings()
    yield from kinds_that_fit(problem)


def kinds_that_fit(problem: Problem) -> Generator[Candidate, Trial, Candidate | None]:
    """The same; the last candidate that met the goal, if any did."""
    default, kept, fitting = problem.default, [], None
    by_kind = _names_by_kind(problem)
    for kind in sorted(by_kind, key=_place):
        candidate = default.only([*kept, *by_kind[kind]], f"{default.label}, {kind} in integers{_besides(kept)}")
        trial = yield candidate
        if trial.meets_goal:
            kept, fitting = [*kept, *by_kind[kind]], candidate
    return fitting


def _names_by_kind(problem: Problem) -> dict[str, list[str]]:
    """Modules that share a weight come with the last kind among them: it is quantized as a whole or not at all."""
    kinds, by_kind = problem.space.kinds(problem.default), {}
    for group in problem.space.groups(problem.default):
        last = max((kinds[name] for name in group), key=_place)
        by_kind.setdefault(last, []).extend(group)
    return by_kind


def _place(kind: str) -> int:
    return next((place for place, start in enumerate(ORDER) if kind.startswith(start)), len(ORDER))


def _besides(kept: list[str]) -> str:
    return f" besides {len(kept)} others" if kept else ""
