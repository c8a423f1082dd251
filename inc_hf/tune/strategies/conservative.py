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
    by_kind: dict[str, list[str]] = {}
    for name, kind in problem.space.kinds(default).items():
        by_kind.setdefault(kind, []).append(name)
    for kind in sorted(by_kind, key=_place):
        candidate = default.only([*kept, *by_kind[kind]], f"{default.label}, {kind} in integers{_besides(kept)}")
        trial = yield candidate
        if trial.meets_goal:
            kept, fitting = [*kept, *by_kind[kind]], candidate
    return fitting


def _place(kind: str) -> int:
    return next((place for place, start in enumerate(ORDER) if kind.startswith(start)), len(ORDER))


def _besides(kept: list[str]) -> str:
    return f" besides {len(kept)} others" if kept else ""
