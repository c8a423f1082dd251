"""What a Trainer has logged."""

import re
from pathlib import Path
from typing import Any

from inc_hf.report.facts import Facts
from inc_hf.report.reading import damaged, read_dict

STATE = "trainer_state.json"
CHECKPOINT = re.compile(r"checkpoint-(\d+)")


def tell_of_training(directory: Path, facts: Facts) -> None:
    """Add the log of the Trainer, from the directory itself or from its last checkpoint."""
    file = _state_file(directory)
    history = read_dict(file).get("log_history", [])
    with damaged(file):
        facts.training = _by_step([dict(entry) for entry in history])


def _state_file(directory: Path) -> Path:
    checkpoints = [path for path in directory.glob(f"checkpoint-*/{STATE}") if CHECKPOINT.fullmatch(path.parent.name)]
    last = max(checkpoints, key=lambda path: int(CHECKPOINT.fullmatch(path.parent.name)[1]), default=None)
    own = directory / STATE
    return own if own.is_file() or last is None else last


def _by_step(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry for each step, of what was logged then by training and by evaluation."""
    steps: dict[float, dict[str, Any]] = {}
    for entry in entries:
        if "train_runtime" not in entry:  # the sum of it all, in the end
            steps.setdefault(float(entry["step"]), {}).update(entry)
    return [steps[step] for step in sorted(steps)]
