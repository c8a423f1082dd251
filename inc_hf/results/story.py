"""What is told of a model beside it: what it was made from, how it scores, its zeros and its kernels."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from inc_hf import ops
from inc_hf.errors import UsageError
from inc_hf.evaluation.scoring import Scoring
from inc_hf.inference.layers import Layer, kernels_in_numbers, layers_of
from inc_hf.prune.zeros import zeros_in_numbers
from inc_hf.score import Score
from inc_hf.tune import Goal, TuneResult

TOLD = ("metric", "dataset", "all_scores", "baseline_scores")
HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


class Scored:
    """How a result scores.

    Attributes:
        score, baseline (`float` or `None`): its score and the float model's.
        metric (`str` or `None`): what the scores are, if the evaluation says so.
        dataset (`dict` or `None`): what is known of the data: name, config, split, number of samples.
        met_criterion (`bool` or `None`): whether it reached the accuracy goal; None if nothing was evaluated.
        all_scores, baseline_scores (`dict` or `None`): all that the evaluation gave for both, by their names, where
            there are several.
    """

    score: float | None = None
    baseline: float | None = None
    metric: str | None = None
    dataset: dict[str, Any] | None = None
    met_criterion: bool | None = None
    all_scores: dict[str, float] | None = None
    baseline_scores: dict[str, float] | None = None

    def scores(self) -> dict[str, Any]:
        """What `inc_config.json` has under `tuning`."""
        told = {name: getattr(self, name) for name in ("met_criterion", "baseline", "score")}
        told |= {name: known for name in TOLD if (known := getattr(self, name)) is not None}
        return told | ({"trials": len(self.trials)} if "trials" in vars(self) else {})

    def score_in_words(self) -> str:
        """For a repr: nothing if nothing was evaluated."""
        return "" if self.score is None else f", score={self.score:.4f}, baseline={self.baseline:.4f}"

    def take_scores(self, result: TuneResult) -> None:
        """Tell those of a search."""
        self.met_criterion, self.score = result.met_criterion, result.trial.score
        self.baseline, self.metric, self.dataset = float(result.goal.baseline), result.goal.metric, result.goal.data
        self.all_scores, self.baseline_scores = result.trial.scores, Score.of(result.goal.baseline).scores


def goal_by(evaluate: Scoring, baseline: float) -> Goal:
    """The goal of a search, from the float model's score by `evaluate`.

    Raises:
        ValueError: it is infinite, so that nothing can be compared with it.
    """
    scores = Score.of(baseline).scores
    bounds = evaluate.several.parts() if evaluate.several else {}
    if math.inf in map(abs, [baseline, *(scores[name] for name in bounds)]):
        raise UsageError(f"The float model scores {baseline}, with which nothing can be compared; look at the data.")
    parts = {name: Goal(scores[name], criterion, name) for name, criterion in bounds.items()}
    criterion = evaluate.criterion
    if parts and (weights := evaluate.several.weights()):  # the sum is as far from its target as its parts
        loss = sum(weights[name] * abs(part.target - part.baseline) for name, part in parts.items())
        criterion = replace(criterion, criterion="absolute", tolerable_loss=loss)
    return Goal(baseline, criterion, evaluate.metric, evaluate.data, parts)


def story_of_weights(model: nn.Module) -> dict[str, Any]:
    """Zeros by pattern, and how many layers run on which kernel of this machine."""
    return story_of_layers(layers_of(model))


def story_of_layers(layers: Mapping[str, Layer]) -> dict[str, Any]:
    """The same of layers that were measured, see [`inc_hf.inference.layers`]."""
    kernels = {"isa": ops.isa() if ops.is_native() else None, "layers": kernels_in_numbers(layers)}
    return {"zeros": zeros_in_numbers({name: layer.zeros for name, layer in layers.items()}), "kernels": kernels}


def base_model_of(model: nn.Module) -> str | None:
    """The name on the Hub of what a model was loaded from; None if it was not from there, since a path is nobody's
    business."""
    base = getattr(getattr(model, "config", None), "name_or_path", None) or ""
    return base if HUB_NAME.fullmatch(base) and not Path(base).exists() else None
