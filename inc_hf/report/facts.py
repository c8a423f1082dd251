"""What a report shows."""

from dataclasses import dataclass, field
from typing import Any

from inc_hf.coverage import Coverage
from inc_hf.inference.layers import Layer
from inc_hf.tune import Trial

Row = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """A part of a model: its bytes as they are stored, and in float32."""

    name: str
    bytes: int
    float_bytes: int


@dataclass
class Facts:
    """All of it; what is empty is not known, and the page says what would tell it.

    Attributes:
        name: of the directory.
        about: what the model is, in words.
        tuning: score, baseline, metric, dataset, whether the goal is met; and target and the fingerprint of the
            trial, if these are known.
        sensitivity, weights, activations: rows of the tables that `diagnosis=True` writes.
        training: entries of the Trainer's log.
    """

    name: str
    about: dict[str, str] = field(default_factory=dict)
    tuning: dict[str, Any] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    sensitivity: list[Row] = field(default_factory=list)
    weights: list[Row] = field(default_factory=list)
    activations: list[Row] = field(default_factory=list)
    coverage: Coverage | None = None
    layers: dict[str, Layer] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    training: list[Row] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        found = (self.about, self.trials, self.sensitivity, self.weights, self.activations, self.training)
        return not any(found) and self.coverage is None

    @property
    def returned(self) -> Trial | None:
        """The trial of the model that the search has returned; None if it is not known, or could be several: scores
        on little data are often equal, and the latency of one says nothing of another."""
        if fingerprint := self.tuning.get("fingerprint"):  # the newest search stands first
            return next((trial for trial in self.trials if trial.fingerprint == fingerprint), None)
        score, baseline = self.tuning.get("score"), self.tuning.get("baseline")
        same = [trial for trial in self.trials if trial.score == score and baseline in (None, trial.baseline)]
        return same[0] if len(same) == 1 else None
