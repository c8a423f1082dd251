"""A study of Optuna as what several processes have in common: which candidates are taken, and what came out."""

import contextlib
import datetime
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any

from optuna import Study
from optuna.distributions import CategoricalDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from inc_hf.tune.history import Trial
from inc_hf.tune.study import owner
from inc_hf.tune.study.points import Point

BEAT = 30.0  # seconds between signs of life
SILENCE = 300.0  # without one, after which a process of another machine counts as dead


class SharedStudy:
    """
    A trial begins with its candidate and its owner in one write, so the lowest number that has a candidate takes it.
    It is told with `score`, `latency`, `size` and all else that there is to know in its user_attrs.
    """

    def __init__(self, study: Study, storage: BaseStorage):
        self.study, self.storage = study, storage
        self.study_id = storage.get_study_id_from_name(study.study_name)
        self.heard: dict[int, tuple[Any, float]] = {}  # number -> the last sign of life, and when it was seen first

    def trials(self) -> list[FrozenTrial]:
        """All of them that have a candidate and, if they are complete, a result: who adds others by hand may."""
        trials = [t for t in self.study.get_trials(deepcopy=False) if {"fingerprint", "owner"} <= t.user_attrs.keys()]
        return [t for t in trials if t.state != TrialState.COMPLETE or "trial" in t.user_attrs]

    def begin(self, point: Point, choices: Mapping[str, list[str]], **attributes: Any) -> int:
        """A new trial of this process; its number. Whether it has the candidate to itself is to be seen then."""
        key = secrets.token_hex(8)
        distributions = {name: CategoricalDistribution(words) for name, words in choices.items()}
        attributes["owner"] = {**owner.me(), "key": key}
        begun = create_trial(
            state=TrialState.RUNNING, params=dict(point), distributions=distributions, user_attrs=attributes
        )
        begun.datetime_start = datetime.datetime.now(datetime.timezone.utc)
        self.study.add_trial(begun)
        return next(t.number for t in self.trials() if t.user_attrs["owner"]["key"] == key)

    def tell(self, number: int, trial: Trial, value: float) -> None:
        """What came out; nothing if the trial has ended already."""
        told = {"trial": asdict(trial), "score": trial.score, "latency": trial.seconds, "size": trial.bytes}
        with contextlib.suppress(UpdateFinishedTrialError):  # another process took this one for dead
            for name, what in told.items():
                self.storage.set_trial_user_attr(self._id(number), name, what)
            self.study.tell(number, value, skip_if_finished=True)

    def give_up(self, number: int, why: str) -> None:
        """End a trial without a result; its candidate is free."""
        with contextlib.suppress(UpdateFinishedTrialError):
            self.storage.set_trial_user_attr(self._id(number), "ended", why)
            self.study.tell(number, state=TrialState.FAIL, skip_if_finished=True)

    def _id(self, number: int) -> int:
        return self.storage.get_trial_id_from_study_id_trial_number(self.study_id, number)

    def is_dead(self, trial: FrozenTrial) -> bool:
        """Whether the process of a running trial has ended: on this machine by its number and start, otherwise if
        there was no sign of life for long by this one's clock."""
        who, beat = trial.user_attrs["owner"], trial.user_attrs.get("beat")
        if owner.is_here(who):
            return not owner.lives(who)
        last, since = self.heard.get(trial.number, (None, 0.0))
        if trial.number not in self.heard or last != beat:
            self.heard[trial.number] = (beat, time.monotonic())
            return False
        return time.monotonic() - since > SILENCE

    @contextlib.contextmanager
    def alive(self, number: int) -> Iterator[None]:
        """Give signs of life of a trial in this block."""
        ended, trial_id = threading.Event(), self._id(number)

        def beat() -> None:
            count = 0
            while not ended.wait(BEAT):
                count += 1
                with contextlib.suppress(Exception):  # of any database, which may be away for a while
                    self.storage.set_trial_user_attr(trial_id, "beat", count)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def result_of(trial: FrozenTrial) -> Trial | None:
    """What came out of a trial, if it was written; what a newer version has told besides is left out."""
    told, known = trial.user_attrs.get("trial"), {field.name for field in fields(Trial)}
    return told and Trial(**{name: value for name, value in told.items() if name in known})
