"""The way from a float model to the best of a space: baseline, candidates, trials."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from inc_hf.config import TuningCriterion, options
from inc_hf.models.fingerprint import fingerprint_of, fingerprint_of_batches
from inc_hf.telling import NOTICE
from inc_hf.tune.baselines import BATCHES, Baseline, Content, kept_baseline
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.deploy import DeployConfig
from inc_hf.tune.doubts import doubts_of
from inc_hf.tune.goal import Goal
from inc_hf.tune.history import History, Trial
from inc_hf.tune.latency import Latency
from inc_hf.tune.objectives import objectives_of
from inc_hf.tune.problem import Problem
from inc_hf.tune.space import Space, copy_of
from inc_hf.tune.strategies import STRATEGIES, check, chosen
from inc_hf.tune.table import IN_LOG
from inc_hf.tune.tuner import TuneResult, tune
from inc_hf.tune.watch import Evaluation, Watch
from inc_hf.tune.watching import check_tensorboard, tensorboard_of

logger = logging.getLogger(__name__)

RANKING_BATCHES = BATCHES


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
    deploy: Callable[[Space, Candidate], DeployConfig] | None = None,
    content: Content | None = None,
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
        deploy: says how the model of a candidate is made, which is kept in the workspace for each trial.
        content: the data of the evaluation, where that is known; then the float model's score is kept as well.

    Raises:
        ValueError: the workspace, or what `set_resume_from` names, holds a file that is no history.
        ImportError: `set_tensorboard(True)` without the package.
    """
    name, workspace = chosen(tuning, quant_level), Path(options.workspace)
    check(name, tuning, options.workspace)
    check_tensorboard()
    history = History.of_workspace(options.workspace, None if baseline else options.resume_from)
    of_model = fingerprint_of(model)
    found = baseline or kept_baseline(model, evaluate, content, of_model, workspace)
    goal = goal_of(found.score)
    _begin(history, found.score, _origin(of_model, content, batches))
    doubts = doubts_of(goal)
    for doubt in doubts:
        logger.warning("%s", doubt)
    inputs = list(batches[:RANKING_BATCHES]) or found.inputs
    space = space_of(inputs, found.reached)
    problem = Problem(space, goal, tuning, options.random_seed, history, of_model)
    logger.info("Searching by the strategy %r.", name)
    latency = Latency(model, inputs, ready) if "performance" in objectives_of(tuning) else None
    watch = Watch(goal, tuning, found.seen)
    of_trial = partial(evaluate.of_trial, watch=watch)
    told: list[Callable[[Candidate, Trial], None]] = []
    if deploy is not None:
        told.append(lambda candidate, trial: deploy(space, candidate).keep(workspace))
    if (board := tensorboard_of(workspace)) is not None:
        told.append(board.trial)
    result = tune(STRATEGIES[name](problem), space.build, of_trial, goal, tuning, history, latency, told, watch)
    if deploy is not None:
        result.deploy = deploy(space, result.candidate)
        result.deploy.keep(workspace, is_best=True)
    if board is not None:
        board.ranges(space.model, result.model, result.number, inputs)
    result.doubts, result.inputs = doubts, inputs
    result.coverage = space.coverage(result.model, result.candidate)
    _say(result)
    return result


def _origin(of_model: str, content: Content | None, batches: Sequence[Any]) -> dict[str, str]:
    """What trials hang on, as far as it is known: fingerprints of the model, and of the data."""
    data = content and content.fingerprint and fingerprint_of_batches([content.fingerprint, content.about])
    found = {"model": of_model, "evaluation": data, "calibration": batches and fingerprint_of_batches(batches)}
    return {what: fingerprint for what, fingerprint in found.items() if fingerprint}


def _begin(history: History, score: float, origin: dict[str, str]) -> None:
    resumed = history.baseline
    if not history.begin(score, origin):
        logger.warning(
            "The trials in %s are of another model or other data (the float model scored %.4f there, %.4f here): they "
            "are not taken up, and everything is evaluated again.", options.resume_from, resumed, score,
        )  # fmt: skip


def _say(result: TuneResult) -> None:
    """How the search ended."""
    logger.log(NOTICE, "%s", "\n".join(result.trials.lines(IN_LOG)))
    if not result.met_criterion:
        logger.warning(
            "The goal of %.4f was not met in %d trials; returning the best model found, %.4f (%s). "
            "`set_resume_from(%r)` goes on from them.",
            result.goal.target, len(result.trials), result.trial.score, result.trial.label, str(result.history.path),
        )  # fmt: skip
