"""Compression in hand-written training loops (INC 2.X `neural_compressor.training`)."""

import copy
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback

from inc_hf.callbacks import DistillationCallback, PruningCallback, QuantizationAwareTrainingCallback
from inc_hf.callbacks.loop import LoopHooks
from inc_hf.callbacks.without_hooks import prepare_pruning as prepare_pruning
from inc_hf.config import (
    AccuracyCriterion,
    DistillationConfig,
    QuantizationAwareTrainingConfig,
    Torch2ONNXConfig,
    WeightPruningConfig,
)
from inc_hf.config.arguments import check_function, check_optional_int
from inc_hf.config.checks import check_int
from inc_hf.config.elsewhere import elsewhere
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.evaluation.scoring import scoring
from inc_hf.prune import prepare as pruners_of
from inc_hf.results.compressed import CompressedModel
from inc_hf.results.story import goal_by
from inc_hf.telling import warn_once

logger = logging.getLogger(__name__)

Config = WeightPruningConfig | DistillationConfig | QuantizationAwareTrainingConfig
CALLBACKS: dict[type, Callable[[Any], TrainerCallback]] = {
    WeightPruningConfig: PruningCallback,
    DistillationConfig: DistillationCallback,
    QuantizationAwareTrainingConfig: QuantizationAwareTrainingCallback,
}
prepare = elsewhere(
    "prepare",
    "it was a draft of 1.14; use `prepare_compression(model, [config, ...])`, or give the confs of 1.X to the classes "
    "of `inc_hf.experimental`, several of them to `Scheduler().combine(...)`",
)


class CompressionManager(LoopHooks):
    """
    What [`prepare_compression`] returns: the model, and the hooks to call in the loop, see [`LoopHooks`].

    Attributes:
        model ([`CompressedModel`]): train this one, or `model.model` inside it.
        conf: the config, or the list of configs.
        callbacks_list (`list`): what the hooks drive, in the order of the configs.
    """

    def __init__(self, model: nn.Module, confs: list[Config], max_steps: int | None, seed: int):
        super().__init__(model, [CALLBACKS[type(conf)](conf) for conf in confs], max_steps, seed)
        self.conf = confs if len(confs) > 1 else confs[0]
        self._model = CompressedModel(model)
        for entry in self.callbacks_list:
            if isinstance(entry.callback, PruningCallback):
                entry.callback.pruners = pruners_of(model, entry.callback.config, self.max_steps)
            if isinstance(entry.callback, DistillationCallback):
                entry.callback.replaces_loss = False
                entry.callback.teacher = teacher_of(entry.callback.config, model)
                say_how_kl_is_scaled(entry.callback.config, model)

    @property
    def model(self) -> CompressedModel:
        """The model; it cannot be replaced, since the hooks belong to it."""
        return self._model

    @property
    def callbacks(self) -> "CompressionManager":
        """Itself: INC has the hooks there."""
        return self

    @property
    def fp32_model(self) -> CompressedModel:
        """INC's second name for `model`: no copy, there neither."""
        return self._model

    @property
    def quantizes(self) -> bool:
        """Whether one of the configs is for quantization-aware training."""
        return any(isinstance(entry.callback, QuantizationAwareTrainingCallback) for entry in self.callbacks_list)

    def on_train_end(self) -> None:
        super().on_train_end()
        if self.quantizes:
            self.model.eval()  # what is quantized is not trained
        found = {type(entry.callback): getattr(entry.callback, "coverage", None) for entry in self.callbacks_list}
        self.model.coverage = found.get(QuantizationAwareTrainingCallback) or found.get(PruningCallback)

    def save(self, save_directory: str | os.PathLike) -> Path:
        """See [`CompressedModel.save`]."""
        return self.model.save(save_directory)

    def export(self, save_path: str | os.PathLike, conf: Torch2ONNXConfig | None = None) -> Path:
        """See [`CompressedModel.export`]."""
        return self.model.export(save_path, conf)

    def __repr__(self) -> str:
        return f"CompressionManager({type(self.raw_model).__name__}, {self.callbacks_list})"


def say_how_kl_is_scaled(config: DistillationConfig, model: nn.Module) -> None:
    """A word on the one loss that is larger than INC's, so that its weight may have to be another."""
    losses = config.criterion if isinstance(config.criterion, list) else [config.criterion]
    kinds = [kind for loss in losses if not hasattr(loss, "add_origin_loss") for kind in loss.loss_types[1:]]
    if "KL" in kinds:
        warn_once(
            logger,
            model,
            "The KL loss is the sum over classes, averaged over samples (Hinton et al.); INC's is divided by the "
            "number of classes, too, so that `loss_weights` found with it give the teacher more weight here.",
        )


def teacher_of(config: DistillationConfig, model: nn.Module) -> nn.Module | None:
    """The teacher, a copy of the model if it is to teach itself as in INC's documentation, or None if it is a name."""
    teacher = config.teacher_model
    teacher = teacher.model if isinstance(teacher, CompressedModel) else teacher
    if teacher is model:
        logger.warning("The teacher is the model itself; a copy of what it is now will teach it.")
        return copy.deepcopy(model)
    return teacher if isinstance(teacher, nn.Module) else None


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
    metric_name: str | None = None,
) -> CompressedModel:
    """Train with a loop that calls the hooks of `compression_manager`, and see what became of the accuracy. A loop
    without hooks is enough for quantization-aware training.

    The model always comes back, and `met_criterion` says whether it reached the goal: that of the quantization config,
    or at most 1 % relative loss. INC returned None if it did not.

    Args:
        train_func: trains the model that it is called with.
        eval_func: model -> score, where higher is better unless the accuracy criterion or the name of the metric says
            otherwise; called in evaluation mode and without gradients.
        eval_dataloader, eval_metric: instead of `eval_func`, see `quantization.fit`.
        metric_name (`str`, *optional*): which entry counts if `eval_func` returns a dict.

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
    goal = None
    if evaluate is not None:
        model.baseline = evaluate(copy.deepcopy(model.model))
        goal = goal_by(evaluate, model.baseline)
        model.metric, model.dataset = goal.metric, goal.data
    _train(compression_manager, train_func)
    if goal is not None:
        model.score = evaluate(model)
        model.met_criterion = goal.is_met_by(model.score)
        if not model.met_criterion:
            logger.warning("The goal of %.4f was not met: the model scores %.4f.", goal.target, model.score)
    return model


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
    for entry in manager.callbacks_list:
        if isinstance(entry.callback, QuantizationAwareTrainingCallback):
            return entry.callback.config.accuracy_criterion
    return AccuracyCriterion()
