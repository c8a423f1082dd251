"""What a strategy knows of the search that it steers."""

import math
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Any

from inc_hf.config import TuningCriterion
from inc_hf.errors import UsageError
from inc_hf.quantize.scheme import Scheme
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.goal import Goal
from inc_hf.tune.history import History, Trial
from inc_hf.tune.space import Space

Strategy = Generator[Candidate, Trial, None]
"""Yields a candidate and is sent its trial; ends when it has nothing more to try."""

Choice = dict[str, Scheme | None]
"""Module -> its scheme, None for float."""


@dataclass
class Problem:
    """The space to search, the goal to meet, and how long there is time for it.

    Args:
        seed (`int`): of what a strategy draws; the same seed gives the same candidates for the same scores.
        history: of the search. What `earlier` has in it is not evaluated again, so a strategy that knows the trial of
            a candidate from elsewhere puts it there, and yields the candidate.
        model (`str`): what tells the float model from others, see [`fingerprint_of`].
    """

    space: Space
    goal: Goal
    tuning: TuningCriterion = field(default_factory=TuningCriterion)
    seed: int = 0
    history: History = field(default_factory=History)
    model: str = ""

    def __post_init__(self):
        self.candidates = self.space.candidates()

    @property
    def default(self) -> Candidate:
        return self.candidates[0]

    def options(self) -> list[list[Choice]]:
        """For each module, or modules that share a weight, what may become of them: as in the default, as in each of
        its variants, and last float."""
        options = []
        for group in self.space.groups(self.default):
            choices = [{name: candidate.schemes.get(name) for name in group} for candidate in self.candidates]
            choices.append(dict.fromkeys(group))
            options.append([choice for i, choice in enumerate(choices) if choice not in choices[:i]])
        return options

    def ends_with(self, trial: Trial) -> bool:
        """Whether a trial is the last one: it meets the goal, and no time was given to look for a better one."""
        return trial.meets_goal and not self.tuning.timeout

    def until_met(self, candidates: Iterable[Candidate]) -> Generator[Candidate, Trial, bool]:
        """Try them in turn; whether the search is at its end (`if (yield from problem.until_met(...)): return`)."""
        for candidate in candidates:
            if self.ends_with((yield candidate)):
                return True
        return False

    def best_of(
        self, candidates: Iterable[Candidate]
    ) -> Generator[Candidate, Trial, "tuple[Candidate, Trial] | None"]:
        """Try them in turn; the one with the best score and its trial, or None if the search is at its end."""
        best, least = None, math.inf
        for candidate in candidates:
            trial = yield candidate
            if self.ends_with(trial):
                return None
            missed = self.goal.missed_by(trial.whole_score)
            if best is None or missed < least:
                best, least = (candidate, trial), missed
        return best

    def settings(self, **defaults: Any) -> dict[str, Any]:
        """`strategy_kwargs`, with these defaults.

        Raises:
            ValueError: there is a setting that the strategy does not know.
        """
        if unknown := set(self.tuning.strategy_kwargs).difference(defaults):
            allowed = ", ".join(defaults) or "none"
            raise UsageError(
                f"`strategy_kwargs` of the strategy {self.tuning.strategy!r} has no {', '.join(sorted(unknown))}; "
                f"allowed: {allowed}."
            )
        return defaults | self.tuning.strategy_kwargs
