"""The trials of a search, on disk after each of them."""

import json
import math
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from inc_hf.atomic import write_text
from inc_hf.errors import UsageError

VERSION = 1
FILE = "history.json"


@dataclass(frozen=True)
class Trial:
    """Result of one configuration: `score` of the evaluation, its `seconds`, and the model's size in bytes.

    `baseline` is the score of the float model that it was made from.
    """

    label: str
    fingerprint: str
    score: float
    seconds: float
    bytes: int
    meets_goal: bool
    quantized_modules: int
    baseline: float | None = None


@dataclass
class History:
    """Baseline and trials; written to `path` (a JSON file) whenever one is added, unless `path` is None.

    `earlier` are trials of a search that this one goes on with; `kept` are those of other searches in the same file,
    which stay there.
    """

    path: Path | None = None
    baseline: float | None = None
    trials: list[Trial] = field(default_factory=list)
    earlier: dict[str, Trial] = field(default_factory=dict)
    kept: list[Trial] = field(default_factory=list)

    @classmethod
    def of_workspace(cls, workspace: str | os.PathLike, resume_from: str | os.PathLike | None = None) -> "History":
        """The history of a workspace, which all searches in it share; with the trials of `resume_from`, if given.

        Raises:
            ValueError: one of the files is not a history of this version; nothing is overwritten.
        """
        history = cls(Path(workspace) / FILE)
        if history.path.exists():
            _, history.kept = _read(history.path)
        if resume_from:
            history.resume_from(resume_from)
        return history

    def add(self, trial: Trial) -> None:
        self.trials.append(trial)
        self.write()

    def write(self) -> None:
        """Write the file anew."""
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_text(self.path, json.dumps(self.to_dict(), indent=2))

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
        path = Path(path)
        self.baseline, trials = _read(path / FILE if path.is_dir() else path)
        self.earlier = _of_last_model(trials, self.baseline)


def _read(path: Path) -> tuple[float, list[Trial]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["version"] != VERSION:
            raise ValueError(f"version {data['version']}, not {VERSION}")
        trials = [Trial(**{**trial, "score": float(trial["score"])}) for trial in data["trials"]]
        return float(data["baseline"]), trials
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a tuning history that can be resumed: {error!r}") from error


def _of_last_model(trials: list[Trial], baseline: float) -> dict[str, Trial]:
    """Fingerprint -> the newest trial, of those that began with the model that the file was last written for."""
    known = [trial for trial in trials if trial.baseline is not None]  # old files do not say, and hold one model only
    found: dict[str, Trial] = {}
    for trial in known or trials:  # the newest first
        if not known or math.isclose(trial.baseline, baseline, rel_tol=1e-4):
            found.setdefault(trial.fingerprint, trial)
    return found
