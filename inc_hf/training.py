"""Compression in hand-written training loops (INC 2.X `neural_compressor.training`)."""

import copy
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn

from inc_hf.callbacks.manager import CALLBACKS, CompressionManager, Config
from inc_hf.callbacks.without_hooks import prepare_pruning as prepare_pruning
from inc_hf.checkpoint import attach_quantizers
from inc_hf.config import (
    AccuracyCriterion,
    DistillationConfig,  # noqa: F401 - scripts of INC import configs from here
    QuantizationAwareTrainingConfig,  # noqa: F401
    WeightPruningConfig,  # noqa: F401
)
from inc_hf.config.arguments import check_function, check_optional_int
from inc_hf.config.checks import check_int
from inc_hf.config.elsewhere import elsewhere
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.evaluation.scoring import Scoring, scoring
from inc_hf.inference.optimize import ready_copy
from inc_hf.results.compressed import CompressedModel
from inc_hf.results.story import goal_by
from inc_hf.score import Score
from inc_hf.tune import TuneResult, search
from inc_hf.tune.baselines import Baseline, baseline_of
from inc_hf.tune.trained_space import TrainedSpace

logger = logging.getLogger(__name__)

prepare = elsewhere(
    "prepare",
    "it was a draft of 1.14; use `prepare_compression(model, [config, ...])`, or give the confs of 1.X to the classes "
    "of `inc_hf.experimental`, several of them to `Scheduler().combine(...)`",
)


def prepare_compression(
    model: nn.Module, confs: Config | list[Config], max_steps: int | None = None, seed: int = 42
) -> CompressionManager:
    """Get a model ready to be pruned, distilled and quantized in a loop of your own. The model is changed in place.

    Args:
        model (`nn.Module`): the model, or a [`CompressedModel`].
        confs: a [`WeightPruningConfig`], [`DistillationConfig`] or [`QuantizationAwareTrainingConfig`], or a list with
            at most one of each, whose callbacks are called in this order.
        max_steps (`int`, *optional*): optimizer steps of the run; needed where the config has a share of it or -1.
            Without it and `end_step`, everything is pruned at once, at the first or second step.
        seed (`int`, *optional*, defaults to 42): of the first values of projections between layers.

    Raises:
        TypeError: something is not a module or a config.
        ValueError: no config or two of a kind, or a config that does not fit the model.
    """
    if isinstance(model, CompressedModel):
        model = model.model
    if not isinstance(model, nn.Module):
        raise UsageTypeError(f"`model` must be a torch.nn.Module, got {type(model).__name__}.")
    check_optional_int("max_steps", max_steps, low=1)
    check_int("seed", seed)
    confs = list(confs) if isinstance(confs, list | tuple) else [confs]
    known = ", ".join(kind.__name__ for kind in CALLBACKS)
    for conf in confs:
        if type(conf) not in CALLBACKS:
            raise UsageTypeError(f"`confs` must be one of {known}, or a list of them, got {type(conf).__name__}.")
    for conf in confs:
        conf.use()
    if len({type(conf) for conf in confs}) != len(confs) or not confs:
        names = ", ".join(type(conf).__name__ for conf in confs)
        raise UsageError(f"`confs` must have at least one config and none twice, got [{names}].")
    return CompressionManager(model, confs, max_steps, seed)


def fit(
    compression_manager: CompressionManager,
    train_func: Callable[[nn.Module], Any],
    eval_func: Callable[[nn.Module], float | dict[str, float]] | None = None,
    eval_dataloader: Iterable | None = None,
    eval_metric: Any = None,
    metric_name: str | list[str] | None = None,
) -> CompressedModel:
    """Train with a loop that calls the hooks of `compression_manager`, and see what became of the accuracy. A loop
    without hooks is enough for quantization-aware training.

    The model always comes back, and `met_criterion` says whether it reached the goal: that of the quantization config,
    or at most 1 % relative loss. INC returned None if it did not.

    Where quantization-aware training misses the goal, modules of the trained model go back to float until it is met,
    in the order that `quant_level` and `tuning_criterion` of its config say, see [`inc_hf.quantization.fit`]. There is
    one training only; INC trained for each trial. `max_trials=1` leaves it at what was trained.

    Args:
        train_func: trains the model that it is called with.
        eval_func: model -> score, where higher is better unless the accuracy criterion or the name of the metric says
            otherwise; called in evaluation mode and without gradients.
        eval_dataloader, eval_metric: instead of `eval_func`, see `quantization.fit`.
        metric_name (`str` or `list[str]`, *optional*): which entry counts if `eval_func` returns a dict, or which
            entries.

    Raises:
        ValueError: only one of `eval_dataloader` and `eval_metric`, or a score that is not a number.
    """
    if not isinstance(compression_manager, CompressionManager):
        raise UsageTypeError(
            "`compression_manager` must be what `prepare_compression` returns, got "
            f"{type(compression_manager).__name__}."
        )
    check_function("train_func", train_func, "a function that trains the model", needed=True)
    criterion = _criterion_of(compression_manager)
    evaluate = scoring(eval_func, eval_dataloader, eval_metric, metric_name, criterion)
    model = compression_manager.model
    if evaluate is None:
        _train(compression_manager, train_func)
        return model
    baseline = baseline_of(copy.deepcopy(model.model), evaluate)
    with compression_manager.keeping_float_layers():
        _train(compression_manager, train_func)
        if compression_manager.float_layers:
            model.take_scores(_searched(compression_manager, evaluate, baseline))
        else:
            _score(model, evaluate, baseline)
    return model


def _score(model: CompressedModel, evaluate: Scoring, baseline: Baseline) -> None:
    """See how a model scores in which nothing can be varied."""
    score, goal = evaluate.of_trial(model), goal_by(evaluate, baseline.score)
    model.baseline, model.metric, model.dataset = baseline.score, goal.metric, goal.data
    model.score, model.met_criterion = score, goal.is_met_by(score)
    model.all_scores, model.baseline_scores = score.scores, Score.of(baseline.score).scores
    if not model.met_criterion:
        logger.warning("The goal of %.4f was not met: the model scores %.4f.", goal.target, score)


def _searched(manager: CompressionManager, evaluate: Scoring, baseline: Baseline) -> TuneResult:
    """The trained model with those modules in float, in place, that the goal takes."""
    callback, raw = manager.qat_callback, manager.raw_model
    space = TrainedSpace(raw, manager.float_layers, callback.inventory, callback.left, baseline.inputs)
    conf, goal_of = callback.config, partial(goal_by, evaluate)
    result = search(
        space.model,
        evaluate,
        lambda *_: space,
        goal_of,
        conf.tuning_criterion,
        (),
        conf.quant_level,
        ready_copy,
        baseline,
    )
    attach_quantizers(space.chosen(raw, result.candidate))
    result.model = raw
    manager.model.coverage = result.coverage
    return result


def _train(manager: CompressionManager, train_func: Callable[[nn.Module], Any]) -> None:
    """Let `train_func` train; what is to be quantized is, even if it calls none of the hooks, as in INC."""
    with _beginning_by_itself(manager):
        result = train_func(manager.model)
    if isinstance(result, nn.Module) and result not in (manager.model, manager.raw_model):
        logger.warning("`train_func` returned another model than it was called with, which is not looked at.")
    if manager.quantizes and not manager.has_ended:
        if not manager.has_begun:
            manager.on_train_begin()
        manager.on_train_end()
    elif not manager.has_begun and not manager.has_ended:
        logger.warning("`train_func` called none of the hooks, so that nothing was pruned or distilled.")


@contextmanager
def _beginning_by_itself(manager: CompressionManager) -> Iterator[None]:
    """Quantization-aware training begins with the first call of the model, unless the loop began it before."""

    def begin(model: nn.Module, args: tuple) -> None:
        if torch.is_grad_enabled() and not manager.has_begun and not manager.has_ended:
            manager.on_train_begin()

    handle = manager.raw_model.register_forward_pre_hook(begin, prepend=True) if manager.quantizes else None
    try:
        yield
    finally:
        if handle is not None:
            handle.remove()


def _criterion_of(manager: CompressionManager) -> AccuracyCriterion:
    return manager.qat_callback.config.accuracy_criterion if manager.quantizes else AccuracyCriterion()
