"""The search loop: build, evaluate, remember, stop."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from inc_hf.config import AccuracyCriterion, TuningCriterion
from inc_hf.coverage import Coverage
from inc_hf.models.size import bytes_of
from inc_hf.quantize.nn import quantized_modules
from inc_hf.telling import NOTICE
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.history import History, Trial
from inc_hf.tune.strategy import Strategy

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Goal:
    """The score that a candidate has to reach, from the float model's score and an `AccuracyCriterion`.

    `metric` is the name of what the score is, `data` what is known of the data, see [`inc_hf.evaluation.named_data`].
    """

    baseline: float
    criterion: AccuracyCriterion
    metric: str | None = None
    data: dict[str, Any] | None = None

    @property
    def target(self) -> float:
        """INC's formulas: `b * (1 - loss)` relative (`1 + loss` if lower is better), `b - loss` absolute."""
        loss = self.criterion.tolerable_loss
        signed = -loss if self.criterion.higher_is_better else loss
        return self.baseline + signed * (abs(self.baseline) if self.criterion.criterion == "relative" else 1)

    def is_met_by(self, score: float) -> bool:
        # 0.8 - 0.1 is more than 0.7, and scores are often float32
        return self.is_better(score, self.target) or math.isclose(score, self.target, rel_tol=1e-6)

    def is_better(self, score: float, than: float) -> bool:
        return score > than if self.criterion.higher_is_better else score < than


@dataclass
class TuneResult:
    """The best model of a search; `met_criterion` says whether it reached the goal.

    `inputs` are the batches that the search looked at the model with; `coverage` says how much of it was changed;
    `doubts` say why the goal may mean nothing.
    """

    model: nn.Module
    candidate: Candidate
    trial: Trial
    history: History
    goal: Goal
    interrupted: bool = False
    inputs: list = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    coverage: Coverage | None = None

    @property
    def met_criterion(self) -> bool:
        return self.trial.meets_goal


def tune(
    strategy: Strategy,
    build: Callable[[Candidate], nn.Module],
    evaluate: Callable[[nn.Module], float],
    goal: Goal,
    criterion: TuningCriterion,
    history: History,
) -> TuneResult:
    """Try the candidates of `strategy` until one meets the goal, or trials or time run out; return the best.

    With `criterion.timeout` 0 the first candidate that meets the goal ends the search, otherwise it goes on, for the
    best objective among those that meet it. Ctrl-C ends the search with the best so far, if a trial has ended.
    """
    start, best, score = time.monotonic(), None, None
    try:
        for _ in range(criterion.max_trials):
            try:
                candidate = strategy.send(score)
            except StopIteration:
                break
            result = _try(candidate, build, evaluate, goal, history)
            score = result.trial.score
            if best is None or _is_better(result.trial, best.trial, goal, criterion):
                best = result
            out_of_time = criterion.timeout and time.monotonic() - start > criterion.timeout
            if out_of_time or (best.met_criterion and not criterion.timeout):
                break
    except KeyboardInterrupt:
        if best is None:
            raise
        best.interrupted = True
        logger.warning("Interrupted: going on with the best of %d trials.", len(history.trials))
    return _built(best, build)


def _built(best: TuneResult, build: Callable[[Candidate], nn.Module]) -> TuneResult:
    """The result with its model, which a trial from an earlier search has not built yet."""
    if best.model is None:
        best.model = build(best.candidate)
    return best


def _try(candidate: Candidate, build: Callable, evaluate: Callable, goal: Goal, history: History) -> TuneResult:
    trial, model = history.earlier.get(candidate.fingerprint), None
    if trial is None:
        model = build(candidate)
        start = time.perf_counter()
        score = evaluate(model)
        seconds = time.perf_counter() - start
        modules = len(quantized_modules(model))
        meets = goal.is_met_by(score)
        size, name = model_bytes(model), candidate.fingerprint
        trial = Trial(candidate.label, name, score, seconds, size, meets, modules, goal.baseline)
    else:  # the goal may be another one than in the earlier search
        trial = replace(trial, label=candidate.label, meets_goal=goal.is_met_by(trial.score))
    history.add(trial)
    logger.log(
        NOTICE,
        "Trial %d: %s: %.4f (baseline %.4f, goal %.4f)%s",
        len(history.trials),
        candidate.label,
        trial.score,
        goal.baseline,
        goal.target,
        ", met" if trial.meets_goal else "",
    )
    return TuneResult(model, candidate, trial, history, goal)


def _is_better(trial: Trial, best: Trial, goal: Goal, criterion: TuningCriterion) -> bool:
    """Meeting the goal comes first; then the objectives among those that meet it, otherwise the score."""
    if trial.meets_goal != best.meets_goal:
        return trial.meets_goal
    if not trial.meets_goal:
        return goal.is_better(trial.score, best.score)
    return _objective(trial, best, goal, criterion) > 0


def _objective(trial: Trial, best: Trial, goal: Goal, criterion: TuningCriterion) -> float:
    """Weighted sum of the relative gains of `trial` over `best`, positive if `trial` is better."""
    names, weights = _objectives(criterion.objective)
    sign = 1 if goal.criterion.higher_is_better else -1
    gains = {
        "performance": _gain(best.seconds, trial.seconds),
        "modelsize": _gain(best.bytes, trial.bytes),
        "footprint": _gain(best.bytes, trial.bytes),
        "accuracy": sign * _gain(trial.score, best.score),
    }
    return sum(weight * gains[name] for name, weight in zip(names, weights, strict=True))


def _objectives(objective: str | list | Mapping[str, Any]) -> tuple[list[str], list[float]]:
    if isinstance(objective, str):
        return [objective], [1.0]
    if isinstance(objective, Mapping):
        names = objective["objective"]
        return names, objective.get("weight", [1.0 / len(names)] * len(names))
    return list(objective), [1.0 / len(objective)] * len(objective)


def _gain(larger: float, smaller: float) -> float:
    return (larger - smaller) / max(abs(larger), abs(smaller), 1e-30)


def model_bytes(model: nn.Module) -> int:
    """Bytes of all parameters and buffers; tied ones count once."""
    return bytes_of([*model.parameters(), *model.buffers()])
