"""The trials of a search, on disk after each of them."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from inc_hf.atomic import locked, write_text
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.score import Score
from inc_hf.writable import check_writable

VERSION = 1
FILE = "history.json"


@dataclass(frozen=True)
class Trial:
    """Result of one configuration: `score` of the evaluation, its `seconds`, and the model's size in bytes.

    `baseline` is the score of the float model that it was made from; `latency` its time over the float model's, if
    that was asked for and the goal is met. `scores` are all that the evaluation gave, where there are several. Where
    the loop is ours, `samples` of `total` were evaluated; if it ended early since all was clear, `score` is an
    estimate, and the true one is between `low` and `high` (with the confidence that was asked for). `origin` has the
    fingerprints of the float model and of the data, as far as they are known.
    """

    label: str
    fingerprint: str
    score: float
    seconds: float
    bytes: int
    meets_goal: bool
    quantized_modules: int
    baseline: float | None = None
    latency: float | None = None
    scores: dict[str, float] | None = field(default=None, hash=False)
    samples: int | None = None
    total: int | None = None
    low: float | None = None
    high: float | None = None
    origin: dict[str, str] | None = field(default=None, hash=False)

    @property
    def whole_score(self) -> Score:
        return Score(self.score, self.scores)


@dataclass
class History:
    """Baseline and trials; written to `path` (a JSON file) whenever one is added, unless `path` is None.

    `resumed` are the trials in the file that a search goes on from, `earlier` those of them that it takes up; `kept`
    are those of other searches in its own file, which stay there. `origin` is that of the trials to come.
    """

    path: Path | None = None
    baseline: float | None = None
    trials: list[Trial] = field(default_factory=list)
    earlier: dict[str, Trial] = field(default_factory=dict)
    kept: list[Trial] = field(default_factory=list)
    resumed: list[Trial] = field(default_factory=list)
    origin: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_workspace(cls, workspace: str | os.PathLike, resume_from: str | os.PathLike | None = None) -> "History":
        """The history of a workspace, which all searches in it share; with the trials of `resume_from`, if given.

        Raises:
            ValueError: one of the files is not a history of this version; nothing is overwritten. Or the workspace
                cannot be written.
        """
        check_writable(workspace)
        history = cls(Path(workspace) / FILE)
        if history.path.exists():
            _, history.kept = _read(history.path, "; choose another workspace, or move the file away")
        if resume_from:
            history.resume_from(resume_from)
        return history

    def add(self, trial: Trial) -> None:
        self.trials.append(trial)
        self.write()

    def write(self) -> None:
        """Write the file anew, with what other processes have added to it meanwhile."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path.parent):
            if self.path.exists():
                self.keep(_read(self.path, "; choose another workspace, or move the file away")[1])
            write_text(self.path, json.dumps(self.to_dict(), indent=2))

    def keep(self, trials: list[Trial]) -> None:
        """Keep the trials of another search that are not there yet."""
        mine = {_key(t) for t in [*self.trials, *self.earlier.values(), *self.kept]}
        self.kept += [trial for trial in trials if _key(trial) not in mine]

    def recorded(self, fingerprint: str) -> Trial | None:
        """The newest trial of a candidate in the file, by whichever process, that began with this baseline."""
        if self.path is None or not self.path.exists():
            return None
        return self._mine(_read(self.path, "")[1]).get(fingerprint)

    def arrange(self, numbers: Mapping[str, int]) -> None:
        """Order the trials by the numbers of their fingerprints; the others stay behind them."""
        arranged = sorted(self.trials, key=lambda trial: numbers.get(trial.fingerprint, math.inf))
        if arranged != self.trials:
            self.trials = arranged
            self.write()

    def to_dict(self) -> dict[str, Any]:
        """The trials, then those of earlier searches that have not been taken up, so that none is lost."""
        taken_up = [self.earlier[t.fingerprint] for t in self.trials if t.fingerprint in self.earlier]
        waiting = [t for t in [*self.earlier.values(), *self.kept] if t not in taken_up]
        trials = [asdict(trial) for trial in dict.fromkeys([*self.trials, *waiting])]
        return {"version": VERSION, "baseline": self.baseline, "trials": trials}

    def resume_from(self, path: str | os.PathLike) -> None:
        """Take the scores of an earlier search, so that configurations it tried are not evaluated again.

        Raises:
            ValueError: the file is not a history of this version.
        """
        self.baseline, self.resumed = _read_to_resume(path)
        self.earlier = self._mine(self.resumed)

    def begin(self, baseline: float, origin: Mapping[str, str] | None = None) -> bool:
        """Begin with a float model of this score and origin; False if none of the trials to go on from is of it."""
        self.baseline, self.origin = baseline, dict(origin or {})
        self.earlier = self._mine(self.resumed)
        return bool(self.earlier) or not self.resumed

    def _mine(self, trials: list[Trial]) -> dict[str, Trial]:
        """Fingerprint -> the newest trial, of those that began with this float model, as far as that is known."""
        found: dict[str, Trial] = {}
        for trial in trials:  # the newest first
            other = trial.origin or {}
            same = all(other[key] == self.origin[key] for key in other.keys() & self.origin.keys())
            if same and math.isclose(trial.baseline, self.baseline, rel_tol=1e-4):
                found.setdefault(trial.fingerprint, trial)
        return found


def check_resumable(path: str | os.PathLike) -> None:
    """Raise ValueError or FileNotFoundError if a workspace, or a file, is nothing that a search can go on from."""
    _read_to_resume(path)


def trials_in(path: Path) -> list[Trial]:
    """The trials in a history file, of all searches, for who only looks at them.

    Raises:
        ValueError: the file is not a history of this version.
    """
    return _read(path, "; move it away")[1]


def trial_in(workspace: Path, number: int) -> Trial:
    """A trial of a workspace by its number, from 1 on, as they stand in its history.

    Raises:
        FileNotFoundError, ValueError, TypeError: there is no history, no such trial, or that is no number.
    """
    if not (file := workspace / FILE).exists():
        raise FileNotFoundError(f"No such file: {file}, which says what trial {number} is.")
    trials = trials_in(file)
    if type(number) is not int:
        raise UsageTypeError(f"`trial` is the number of one in {file}, from 1 to {len(trials)}, got {number!r}.")
    if not 1 <= number <= len(trials):
        raise UsageError(f"{file} has {len(trials)} trials, and none of the number {number}.")
    return trials[number - 1]


def _read_to_resume(path: str | os.PathLike) -> tuple[float, list[Trial]]:
    path = Path(path)
    file = path / FILE if path.is_dir() else path
    if not file.exists():
        raise FileNotFoundError(f"No such file: {file}; go on from the workspace of an earlier run, which has one.")
    return _read(file, " that can be resumed")


def _read(path: Path, what_now: str) -> tuple[float, list[Trial]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["version"] != VERSION:
            raise ValueError(f"version {data['version']}, not {VERSION}")
        trials = [Trial(**{**trial, "score": float(trial["score"])}) for trial in data["trials"]]
        if not all(isinstance(trial.origin, dict | None) for trial in trials):
            raise TypeError("an origin that is no table")
        baseline = float(data["baseline"])
        # files of the first version hold one search, and its trials do not say with what they began
        return baseline, [replace(t, baseline=baseline) if t.baseline is None else t for t in trials]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a tuning history{what_now}: {error!r}") from error


def _key(trial: Trial) -> str:
    """What tells a trial from all others, also one whose score is not a number, and one without a baseline."""
    return json.dumps(asdict(replace(trial, baseline=None)))
