"""The trials of a search, on disk after each of them."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from inc_hf.errors import UsageError

VERSION = 1


def write_text(path: Path, text: str) -> None:
    """Write a file of the workspace, under a temporary name first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


@dataclass(frozen=True)
class Trial:
    """Result of one configuration: `score` of the evaluation, its `seconds`, and the model's size in bytes."""

    label: str
    fingerprint: str
    score: float
    seconds: float
    bytes: int
    meets_goal: bool
    quantized_modules: int


@dataclass
class History:
    """Baseline and trials; written to `path` (a JSON file) whenever one is added, unless `path` is None."""

    path: Path | None = None
    baseline: float | None = None
    trials: list[Trial] = field(default_factory=list)
    earlier: dict[str, Trial] = field(default_factory=dict)

    def add(self, trial: Trial) -> None:
        self.trials.append(trial)
        self.write()

    def write(self) -> None:
        """Write the file anew."""
        if self.path is not None:
            write_text(self.path, json.dumps(self.to_dict(), indent=2))

    def to_dict(self) -> dict[str, Any]:
        """The trials, then those of the earlier search that have not been repeated, so that none is lost."""
        repeated = {trial.fingerprint for trial in self.trials}
        waiting = [trial for trial in self.earlier.values() if trial.fingerprint not in repeated]
        trials = [asdict(trial) for trial in [*self.trials, *waiting]]
        return {"version": VERSION, "baseline": self.baseline, "trials": trials}

    def resume_from(self, path: str | os.PathLike) -> None:
        """Take the scores of an earlier search, so that configurations it tried are not evaluated again.

        Raises:
            ValueError: the file is not a history of this version.
        """
        path = Path(path)
        path = path / "history.json" if path.is_dir() else path
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["version"] != VERSION:
                raise ValueError(f"version {data['version']}, not {VERSION}")
            baseline = float(data["baseline"])
            trials = [Trial(**{**trial, "score": float(trial["score"])}) for trial in data["trials"]]
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} is not a tuning history that can be resumed: {error!r}") from error
        self.baseline, self.earlier = baseline, {trial.fingerprint: trial for trial in trials}
