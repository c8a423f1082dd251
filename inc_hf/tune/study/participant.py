"""How one process takes part in a study: it takes candidates that nobody has, and learns what others found."""

import logging
import time
from collections.abc import Callable, Generator, Iterator, Mapping

from optuna.samplers import BaseSampler

from inc_hf.telling import NOTICE
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.history import Trial
from inc_hf.tune.objectives import place_of_best
from inc_hf.tune.problem import Problem
from inc_hf.tune.study.loudness import as_loud_as_us
from inc_hf.tune.study.opening import study_of
from inc_hf.tune.study.points import Points
from inc_hf.tune.study.shared import SharedStudy, result_of
from inc_hf.tune.study.standing import Standing
from inc_hf.tune.study.storage import in_words, opened
from inc_hf.tune.study.suggesting import suggested

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
        self.study = SharedStudy(study, store)
        self.now = Standing(problem, self.points, self.study)
        self.seen: set[str] = set()
        self.mine: tuple[int, str] | None = None  # number and fingerprint of the trial that this process works on
        if self.now.done:  # the data may be another one, which cannot be told
            words = "Going on with the %d trials of the study %r in %s; another `study_name` begins anew."
            logger.log(NOTICE, words, len(self.now.done), study.study_name, where)

    def search(self) -> Generator[Candidate, Trial, None]:
        """Until the study is over, and all that others still try has ended."""
        waiting_since = None
        while True:
            yield from self.news()
            if not self.now.is_over() and (candidate := self.take()) is not None:
                with self.study.alive(self.mine[0]):
                    trial = yield candidate
                self._finish(trial)
                waiting_since = None
            elif self.now.running:
                waiting_since = waiting_since or time.monotonic()
                if self.now.done and time.monotonic() - waiting_since > max(PATIENCE, 3 * self.now.longest()):
                    logger.warning("Others still work on %d trials; going on without them.", len(self.now.running))
                    return
                time.sleep(POLL)
            elif self.now.is_over():
                return
            self.now.look()

    def news(self) -> Iterator[Candidate]:
        """Candidates that others have tried, with their trials at hand. Of more than may be tried, the best first."""
        new = [trial for fingerprint, trial in self.now.done.items() if fingerprint not in self.seen]
        if len(new) > self.problem.tuning.max_trials:
            results = [result_of(trial) for trial in new]
            best = new[place_of_best(results, self.problem.goal, self.problem.tuning)]
            new = [best, *(one for one in new if one is not best)]
        for trial in new:
            fingerprint = trial.user_attrs["fingerprint"]
            self.seen.add(fingerprint)
            self.problem.history.earlier[fingerprint] = result_of(trial)
            yield self.points.candidate(trial.params, trial.user_attrs["label"])

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
        self.now.look(number)
        if why := self.now.taken_before(number, name):
            self.study.give_up(number, why)
            self.mine = None
            return None
        return candidate

    def _point(self) -> dict[str, str] | None:
        """What was begun and never finished, otherwise something new."""
        tried = self.now.done.keys() | self.now.running.keys()
        for trial in self.now.trials:
            if trial.params.keys() == self.points.choices.keys() and trial.user_attrs["fingerprint"] not in tried:
                return trial.params
        values = {trial.number: self.now.value(result_of(trial)) for trial in self.now.done.values()}
        how = {"sampler": self.sampler, "seed": self.now.seed(), "informed": self.informed, "met": self.now.is_met()}
        with as_loud_as_us():
            return suggested(self.points, self.now.trials, values, set(tried), **how)

    def _finish(self, trial: Trial) -> None:
        number, fingerprint = self.mine
        self.now.tell(number, trial)
        self.seen.add(fingerprint)
        self.mine = None

    def leave(self) -> None:
        """Tell what came out of the last trial, or that nobody works on it; all trials in the order of the study."""
        history = self.problem.history
        if self.mine is not None:
            results = [trial for trial in history.trials if trial.fingerprint == self.mine[1]]
            if results:
                self._finish(results[-1])
            else:
                self.study.give_up(self.mine[0], "interrupted")
        self.now.look()
        history.arrange({fingerprint: trial.number for fingerprint, trial in self.now.done.items()})
