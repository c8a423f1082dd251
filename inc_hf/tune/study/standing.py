"""Where a study stands, as one of its processes sees it."""

import logging
import time

from optuna.trial import FrozenTrial, TrialState

from inc_hf.tune.history import Trial
from inc_hf.tune.problem import Problem
from inc_hf.tune.study import owner
from inc_hf.tune.study.points import Points
from inc_hf.tune.study.shared import SharedStudy, result_of
from inc_hf.tune.study.value import value_of

logger = logging.getLogger(__name__)


class Standing:
    """
    Attributes:
        trials: all of them, in their order.
        done, running: by the fingerprints of their candidates. Those that are done have a result.
    """

    def __init__(self, problem: Problem, points: Points, study: SharedStudy):
        self.problem, self.points, self.study, self.begun = problem, points, study, time.monotonic()
        self.trials: list[FrozenTrial] = []
        self.done: dict[str, FrozenTrial] = {}
        self.running: dict[str, FrozenTrial] = {}
        self.look()

    def look(self, mine: int | None = None) -> None:
        """See what there is, and take over the trials of those who have ended; `mine` is one of this process."""
        trials = self.study.trials()
        others = [t for t in trials if t.state == TrialState.RUNNING and t.number != mine]
        left = [t for t in others if self.study.is_dead(t)]
        for trial in left:
            self._take_over(trial, trials)
        self.trials = self.study.trials() if left else trials
        self.done, self.running = self._first(TrialState.COMPLETE), self._first(TrialState.RUNNING)

    def _first(self, state: TrialState) -> dict[str, FrozenTrial]:
        found: dict[str, FrozenTrial] = {}
        for trial in self.trials:
            if trial.state == state:
                found.setdefault(trial.user_attrs["fingerprint"], trial)
        return found

    def _take_over(self, trial: FrozenTrial, trials: list[FrozenTrial]) -> None:
        """End the trial of a process that has ended: with its result, if that was written somewhere. What the history
        has may be of another trial, which had the candidate before."""
        result, name = result_of(trial), trial.user_attrs["fingerprint"]
        rivals = [t for t in trials if t.user_attrs["fingerprint"] == name and t.state != TrialState.FAIL]
        is_first = min(t.number for t in rivals) == trial.number
        if result is None and is_first and not trial.user_attrs["has_older"]:
            result = self.problem.history.recorded(name)
        if result is None:
            logger.warning("The process of trial %d has ended; its candidate is tried again.", trial.number)
            self.study.give_up(trial.number, "its process ended")
        else:
            self.tell(trial.number, result)

    def tell(self, number: int, result: Trial) -> None:
        self.study.tell(number, result, self.value(result))

    def value(self, result: Trial) -> float:
        """What the sampler sees of a result."""
        first = min(self.done.values(), key=lambda t: t.number, default=None)
        return value_of(result, self.problem.goal, first.user_attrs["latency"] if first else result.seconds)

    def is_met(self) -> bool:
        return any(self.problem.goal.is_met_by_trial(result_of(t)) for t in self.done.values())

    def is_over(self) -> bool:
        """Whether nothing new is to be begun."""
        timeout, count = self.problem.tuning.timeout, len(self.done.keys() | self.running.keys())
        if timeout and self.done and time.monotonic() - self.begun > timeout:
            return True
        return self.is_met() and not timeout or count >= min(self.problem.tuning.max_trials, self.points.total)

    def taken_before(self, number: int, fingerprint: str) -> str:
        """Why a trial that has begun has to be given up, if it has: what began before it goes first."""
        before = {f for f, trial in self.running.items() if trial.number < number} | self.done.keys()
        if fingerprint in before:
            return "another process has the same candidate"
        if len(before) >= self.problem.tuning.max_trials:
            return "there are enough trials"
        return "the goal is met" if self.is_met() and not self.problem.tuning.timeout else ""

    def seed(self) -> str:
        """Of what this process draws next: its own if others of this machine take part, or all would draw the same."""
        mine = owner.me()
        owners = {who["pid"]: who for who in (t.user_attrs["owner"] for t in self.trials) if owner.is_here(who)}
        alone = not any(owner.lives(who) for pid, who in owners.items() if pid != mine["pid"])
        return f"{self.problem.seed}" if alone else f"{self.problem.seed} {mine['pid']}"

    def longest(self) -> float:
        """Seconds of the longest evaluation."""
        return max((t.user_attrs["latency"] for t in self.done.values()), default=0.0)
