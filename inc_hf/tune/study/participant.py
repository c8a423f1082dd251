"""How one process takes part in a study: it takes candidates that nobody has, and learns what others found."""

import logging
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from inc_hf.telling import NOTICE
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.history import Trial
from inc_hf.tune.objectives import is_better
from inc_hf.tune.problem import Problem
from inc_hf.tune.study.loudness import as_loud_as_us
from inc_hf.tune.study.opening import study_of
from inc_hf.tune.study.points import Points
from inc_hf.tune.study.shared import SharedStudy, result_of
from inc_hf.tune.study.storage import in_words, opened
from inc_hf.tune.study.suggesting import suggested
from inc_hf.tune.study.value import value_of

logger = logging.getLogger(__name__)

POLL = 0.1  # seconds between two looks at what others do
PATIENCE = 60.0  # seconds at least that the end of a search waits for the trials of others


class Participant:
    """
    Args:
        settings: `storage` and `study_name`.
        sampler, informed: see [`inc_hf.tune.study.studied`].
    """

    def __init__(self, problem: Problem, settings: Mapping, sampler: Callable[[int], BaseSampler], informed: bool):
        path, storage = problem.history.path, settings["storage"]
        workspace = None if path is None else path.parent
        self.problem, self.points, self.sampler, self.informed = problem, Points(problem), sampler, informed
        store, where = opened(storage, workspace), in_words(storage, workspace)
        study = study_of(problem, self.points, store, settings["study_name"], where)
        self.study, self.begun = SharedStudy(study, store), time.monotonic()
        self.done: dict[str, FrozenTrial] = {}
        self.running: dict[str, FrozenTrial] = {}
        self.seen: set[str] = set()
        self.mine: tuple[int, str] | None = None  # number and fingerprint of the trial that this process works on
        self.look()
        if self.done:  # by the data it cannot tell whether that is what the user means
            words = "Going on with the %d trials of the study %r in %s; another `study_name` begins anew."
            logger.log(NOTICE, words, len(self.done), study.study_name, where)

    def look(self) -> None:
        """See what there is: `done` and `running` are the trials by their candidates' fingerprints. All that are done
        were told by us, so they have a result."""
        trials, mine = self.study.trials(), self.mine and self.mine[0]
        others = [t for t in trials if t.state == TrialState.RUNNING and t.number != mine]
        left = [t for t in others if self.study.is_dead(t)]
        for trial in left:
            self._take_over(trial)
        self.trials = self.study.trials() if left else trials
        self.done, self.running = self._first(TrialState.COMPLETE), self._first(TrialState.RUNNING)

    def _first(self, state: TrialState) -> dict[str, FrozenTrial]:
        found: dict[str, FrozenTrial] = {}
        for trial in self.trials:
            if trial.state == state:
                found.setdefault(trial.user_attrs["fingerprint"], trial)
        return found

    def _take_over(self, trial: FrozenTrial) -> None:
        """End the trial of a process that has ended: with its result, if that was written somewhere."""
        result = result_of(trial)
        if result is None and not trial.user_attrs["has_older"]:
            result = self.problem.history.recorded(trial.user_attrs["fingerprint"])
        if result is None:
            logger.warning("The process of trial %d has ended; its candidate is tried again.", trial.number)
            self.study.give_up(trial.number, "its process ended")
        else:
            self._tell(trial.number, result)

    def search(self) -> Generator[Candidate, Trial, None]:
        """Until the study is over, and all that others still try has ended."""
        over_since = None
        while True:
            yield from self.news()
            if not self.is_over() and (candidate := self.take()) is not None:
                with self.study.alive(self.mine[0]):
                    trial = yield candidate
                self._finish(trial)
                over_since = None
            elif not self.running and self.is_over():
                return
            elif self.running:
                over_since = over_since or time.monotonic()
                if self.done and time.monotonic() - over_since > self.patience():
                    logger.warning("Other processes still work on %d trials; going on without.", len(self.running))
                    return
                time.sleep(POLL)
            self.look()

    def news(self) -> Iterator[Candidate]:
        """Candidates that others have tried, with their trials at hand. Of more than may be tried, the best first."""
        new = [(f, t) for f, t in self.done.items() if f not in self.seen]
        if len(new) > self.problem.tuning.max_trials:
            best = new[0]
            for one in new[1:]:
                better = is_better(result_of(one[1]), result_of(best[1]), self.problem.goal, self.problem.tuning)
                best = one if better else best
            new = [best, *(one for one in new if one is not best)]
        for fingerprint, trial in new:
            self.seen.add(fingerprint)
            self.problem.history.earlier[fingerprint] = result_of(trial)
            yield self.points.candidate(trial.params, trial.user_attrs["label"])

    def is_over(self) -> bool:
        """Whether nothing new is to be begun."""
        timeout, count = self.problem.tuning.timeout, len(self.done.keys() | self.running.keys())
        if timeout and self.done and time.monotonic() - self.begun > timeout:
            return True
        return self._met() and not timeout or count >= min(self.problem.tuning.max_trials, self.points.total)

    def take(self) -> Candidate | None:
        """A candidate for this process alone, as `mine`; None if another one was quicker, or there is none."""
        if (point := self._point()) is None:
            return None
        candidate = self.points.candidate(point)
        name = candidate.fingerprint
        older = self.problem.history.recorded(name) is not None  # of another search, maybe of another model
        attributes = {"fingerprint": name, "label": candidate.label, "has_older": older}
        number = self.study.begin(point, self.points.choices, **attributes)
        self.mine = number, name
        self.look()
        if why := self._taken_before(number, name):
            self.study.give_up(number, why)
            self.mine = None
            return None
        return candidate

    def _point(self) -> dict[str, str] | None:
        """What was begun and never finished, otherwise something new."""
        tried = self.done.keys() | self.running.keys()
        for trial in self.trials:
            if trial.params.keys() == self.points.choices.keys() and trial.user_attrs["fingerprint"] not in tried:
                return trial.params
        values = {t.number: self._value(result_of(t)) for t in self.done.values()}
        with as_loud_as_us():
            return suggested(
                self.points,
                self.trials,
                values,
                set(tried),
                self.sampler,
                self.problem.seed,
                self.informed,
                self._met(),
            )

    def _met(self) -> bool:
        return any(self.problem.goal.is_met_by(t.user_attrs["score"]) for t in self.done.values())

    def _taken_before(self, number: int, fingerprint: str) -> str:
        """Why a trial has to be given up, if it has: what began before it goes first."""
        before = {f for f, trial in self.running.items() if trial.number < number} | self.done.keys()
        if fingerprint in before:
            return "another process has the same candidate"
        if len(before) >= self.problem.tuning.max_trials:
            return "there are enough trials"
        return "the goal is met" if self._met() and not self.problem.tuning.timeout else ""

    def _finish(self, trial: Trial) -> None:
        number, fingerprint = self.mine
        self._tell(number, trial)
        self.seen.add(fingerprint)
        self.mine = None

    def _tell(self, number: int, trial: Trial) -> None:
        self.study.tell(number, trial, self._value(trial))

    def _value(self, trial: Trial) -> float:
        first = min(self.done.values(), key=lambda t: t.number, default=None)
        return value_of(trial, self.problem.goal, first.user_attrs["latency"] if first else trial.seconds)

    def patience(self) -> float:
        """Seconds to wait for others: three times as long as any trial took."""
        return max([PATIENCE, *(3 * t.user_attrs["latency"] for t in self.done.values())])

    def leave(self) -> None:
        """Tell what came out of the last trial, or that nobody works on it; all trials in the order of the study."""
        history: Any = self.problem.history
        if self.mine is not None:
            results = [trial for trial in history.trials if trial.fingerprint == self.mine[1]]
            if results:
                self._finish(results[-1])
            else:
                self.study.give_up(self.mine[0], "interrupted")
        self.look()
        history.arrange({fingerprint: trial.number for fingerprint, trial in self.done.items()})
