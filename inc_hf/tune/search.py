"""The way from a float model to the best of a space: baseline, candidates, trials."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from torch import nn

from inc_hf.config import TuningCriterion, options
from inc_hf.models.fingerprint import fingerprint_of
from inc_hf.models.inputs import recording_inputs
from inc_hf.quantize.probe import recording_reached
from inc_hf.tune.doubts import doubts_of
from inc_hf.tune.goal import Goal
from inc_hf.tune.history import History
from inc_hf.tune.latency import Latency
from inc_hf.tune.objectives import objectives_of
from inc_hf.tune.problem import Problem
from inc_hf.tune.space import Space, copy_of
from inc_hf.tune.strategies import STRATEGIES, check, chosen
from inc_hf.tune.tuner import TuneResult, tune
from inc_hf.tune.watch import Seen, Watch

logger = logging.getLogger(__name__)

RANKING_BATCHES = 4


class Evaluation(Protocol):
    """Model -> score. Of a trial NaN is one, of the float model it is an error; see `inc_hf.evaluation`."""

    def __call__(self, model: nn.Module, watch: Seen) -> float: ...

    def of_trial(self, model: nn.Module, watch: Watch) -> float: ...


@dataclass(frozen=True)
class Baseline:
    """The float model's score, a few inputs that it was called with, the modules that were called, and what was seen
    of its evaluation."""

    score: float
    inputs: list = field(default_factory=list)
    reached: Mapping[str, int] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen)


def baseline_of(model: nn.Module, evaluate: Evaluation) -> Baseline:
    with recording_inputs(model, RANKING_BATCHES) as recorded, recording_reached(model) as reached:
        score = evaluate(model, seen := Seen())
    return Baseline(score, recorded, reached, seen)


def search(
    model: nn.Module,
    evaluate: Evaluation,
    space_of: Callable[[list, Mapping[str, int]], Space],
    goal_of: Callable[[float], Goal],
    tuning: TuningCriterion,
    batches: Sequence[Any] = (),
    quant_level: int | str = 1,
    ready: Callable[[nn.Module], nn.Module] = copy_of,
    baseline: Baseline | None = None,
) -> TuneResult:
    """Find the best model of a space; each trial is in `history.json` of the workspace when it ends.

    Args:
        model: the float model, which stays as it is.
        evaluate: model -> score, watched batch by batch if the loop is ours.
        space_of: makes the space from a few inputs, and the modules that `evaluate` called (`reached_modules`).
        goal_of: makes the goal from the float model's score.
        tuning: how long to search for it.
        batches: whose first ones are these inputs; otherwise they are what `evaluate` calls the model with.
        quant_level: chooses the strategy, see [`chosen`].
        ready: makes a copy of a model as it will be used, to see how fast it is.
        baseline: what to compare with, if it is not `model`; then no trials of earlier searches are taken up, since
            nothing tells whether they were of the same weights.

    Raises:
        ValueError: the workspace, or what `set_resume_from` names, holds a file that is no history.
    """
    name = chosen(tuning, quant_level)
    check(name, tuning, options.workspace)
    history = History.of_workspace(options.workspace, None if baseline else options.resume_from)
    found = baseline or baseline_of(model, evaluate)
    goal, resumed = goal_of(found.score), history.baseline
    if not history.begin(found.score):
        logger.warning(
            "The float model scores %.4f, but %.4f in %s, whose trials are not repeated; are model and evaluation "
            "the same?", found.score, resumed, options.resume_from,
        )  # fmt: skip
    doubts = doubts_of(goal)
    for doubt in doubts:
        logger.warning("%s", doubt)
    inputs = list(batches[:RANKING_BATCHES]) or found.inputs
    space = space_of(inputs, found.reached)
    problem = Problem(space, goal, tuning, options.random_seed, history, fingerprint_of(model))
    logger.info("Searching by the strategy %r.", name)
    latency = Latency(model, inputs, ready) if "performance" in objectives_of(tuning) else None
    watch = Watch(goal, tuning, found.seen)
    of_trial = partial(evaluate.of_trial, watch=watch)
    result = tune(STRATEGIES[name](problem), space.build, of_trial, goal, tuning, history, latency, watch)
    result.doubts = doubts
    result.inputs, result.coverage = inputs, space.coverage(result.model, result.candidate)
    if not result.met_criterion:
        logger.warning(
            "The goal of %.4f was not met in %d trials; returning the best model found, %.4f (%s). "
            "`set_resume_from(%r)` goes on from them.",
            result.goal.target, len(history.trials), result.trial.score, result.trial.label, str(history.path),
        )  # fmt: skip
    return result
