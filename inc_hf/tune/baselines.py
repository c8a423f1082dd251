"""The float model's score, measured once for the same weights and the same data, and kept in the workspace."""

import json
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from inc_hf.atomic import locked, write_text
from inc_hf.config.checks import check_float
from inc_hf.errors import UsageError
from inc_hf.models.inputs import recording_inputs
from inc_hf.quantize.probe import recording_reached
from inc_hf.score import Score
from inc_hf.telling import NOTICE
from inc_hf.tune.watch import Evaluation, Seen
from inc_hf.version import versions

FILE = "baselines.json"
VERSION = 1
BATCHES = 4  # inputs that a search looks at

logger = logging.getLogger(__name__)


class Content(Protocol):
    """Labelled data of an evaluation that can be known again, see `inc_hf.evaluation.content`."""

    about: dict[str, Any]
    fingerprint: str | None

    def look(self) -> str | None: ...

    def only(self, count: int) -> AbstractContextManager[None]: ...


@dataclass(frozen=True)
class Baseline:
    """The float model's score, a few inputs that it was called with, the modules that were called, and what was seen
    of its evaluation."""

    score: float
    inputs: list = field(default_factory=list)
    reached: Mapping[str, int] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen)


def baseline_of(model: nn.Module, evaluate: Evaluation) -> Baseline:
    """Measured."""
    with recording_inputs(model, BATCHES) as inputs, recording_reached(model) as reached:
        score = evaluate(model, seen := Seen())
    return Baseline(score, inputs, reached, seen)


def kept_baseline(
    model: nn.Module,
    evaluate: Evaluation,
    content: Content | None,
    fingerprint: str,
    workspace: Path,
) -> Baseline:
    """Measured, or as the workspace has it; then only a few batches run, to see inputs.

    Args:
        content: the data, or None where it is not known what `evaluate` reads: then it is measured.
        fingerprint: that of the model's weights.
    """
    if content is None:
        return baseline_of(model, evaluate)
    key = {"model": fingerprint, "about": {**content.about, "versions": versions()}}
    try:
        known = [entry for entry in _read(workspace / FILE) if all(entry[name] == key[name] for name in key)]
    except UsageError as error:  # what it saves is one evaluation
        logger.warning("%s: the float model is evaluated, and its score is not kept; move the file away.", error)
        return baseline_of(model, evaluate)
    data = content.look() if known else None
    for entry in known if data is not None else ():
        if entry["data"] == data and (seen := _seen(model, evaluate, content)) is not None:
            words = "The float model scored %.4f on this data before, see %s; it is not evaluated again."
            logger.log(NOTICE, words, entry["score"], workspace / FILE)
            return Baseline(Score(entry["score"]), seen.inputs, entry["reached"], Seen.from_dict(entry["seen"]))
    found = baseline_of(model, evaluate)
    if content.fingerprint is not None:
        told = {"score": float(found.score), "reached": found.reached, "seen": found.seen.to_dict()}
        _keep(workspace / FILE, {**key, "data": content.fingerprint, **told})
    return found


def _seen(model: nn.Module, evaluate: Evaluation, content: Content) -> Baseline | None:
    """What an evaluation of a few batches shows; None where they have no score, such as a correlation of one label."""
    try:
        with content.only(BATCHES):
            return baseline_of(model, evaluate)
    except UsageError:
        return None


def _keep(path: Path, entry: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.parent):
        entries = [other for other in _read(path) if other != entry]
        write_text(path, json.dumps({"version": VERSION, "baselines": [*entries, entry]}, indent=1) + "\n")


def _read(path: Path) -> list[dict[str, Any]]:
    """The entries of a file; none without one.

    Raises:
        ValueError: it is something else.
    """
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            raise ValueError(f"version {content['version']!r}, not {VERSION}")
        return [_checked(entry) for entry in content["baselines"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} has no scores of float models ({error!r})") from error


def _checked(entry: dict[str, Any]) -> dict[str, Any]:
    names = entry["model"], entry["data"]
    if not all(isinstance(name, str) for name in names) or not isinstance(entry["about"], dict):
        raise TypeError(f"{names!r}")
    Seen.from_dict(entry["seen"])
    score = check_float("score", entry["score"])
    return {**entry, "score": score, "reached": {str(name): int(ndim) for name, ndim in entry["reached"].items()}}
