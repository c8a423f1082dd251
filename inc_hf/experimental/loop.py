"""The hooks of `prepare_compression` for loops of INC 1.X, of which many call only some of them."""

import logging
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from inc_hf.callbacks.untold import trains, while_alive
from inc_hf.distill.features import Hook  # which copies of the model do not have
from inc_hf.errors import UsageError
from inc_hf.training import CompressionManager

OF_TORCH = ("torch.ao.quantization", "torch.ao.nn.qat", "torch.ao.nn.intrinsic.qat", "torch.ao.nn.quantized")

logger = logging.getLogger(__name__)


class Loop:
    """Calls the hooks of a manager where they belong, whichever of them a loop calls itself.

    In 1.X, a loop that prunes may know `on_step_begin` and `on_step_end` only, one that distils neither of them, and
    one of quantization-aware training no hook at all. A step begins with the first forward pass in training mode, and
    ends with `optimizer.step()`: the model and the optimizers of torch tell both. What a loop calls comes first.

    Args:
        manager ([`CompressionManager`]): whose hooks are called.
        optimizer (`torch.optim.Optimizer`, *optional*): gives projections between layers their learning rate.
        counts_epochs (`bool`, *optional*, defaults to `False`): whether the steps of the configs are epochs.
    """

    def __init__(self, manager: CompressionManager, optimizer: Optimizer | None = None, counts_epochs: bool = False):
        self.manager, self.optimizer, self.counts_epochs = manager, optimizer, counts_epochs
        self.epoch: int | None = None  # before the first one begins
        self.has_begun = self.has_ended = False
        self._in_step = self._step_is_due = False
        self._handles = [
            manager.raw_model.register_forward_pre_hook(Hook(self._before_forward), with_kwargs=True),
            register_optimizer_step_pre_hook(while_alive(self._before_optimizer)),
            register_optimizer_step_post_hook(while_alive(self._after_optimizer)),
        ]

    def begin(self) -> None:
        """Training begins, if it has not."""
        if not self.has_begun:
            refuse_prepared(self.manager.raw_model)
            self.has_begun = True
            self.manager.on_train_begin(optimizer=self.optimizer)

    def begin_epoch(self, epoch: int) -> None:
        self.begin()
        self.epoch = epoch
        self._set_clock(epoch)
        self.manager.on_epoch_begin(epoch)

    def begin_step(self, batch_id: int = 0) -> None:
        """A batch comes; several may make one step."""
        self.begin()
        if not self._in_step:
            self._in_step = True
            self.manager.on_step_begin(batch_id)

    def before_optimizer(self) -> None:
        """The gradients are there."""
        self.begin_step()
        if not self._step_is_due:
            self._step_is_due = True
            self.manager.on_before_optimizer_step()

    def after_optimizer(self) -> None:
        """The weights have changed."""
        if self._step_is_due:
            self._in_step = self._step_is_due = False
            self.manager.on_after_optimizer_step()
            self._set_clock((self.epoch or 0) + 0.5)

    def loss(self, inputs: Any, outputs: Any, loss: Any, teacher_output: Any = None) -> Any:
        return self.manager.on_after_compute_loss(inputs, outputs, loss, teacher_output)

    def end_epoch(self) -> None:
        self.begin()
        self.manager.on_epoch_end()

    def end(self) -> None:
        """Training is over, if it is not yet: the model is what it is to be."""
        if not self.has_ended:
            self.begin()
            self.close()
            if self.counts_epochs and self.epoch is None:
                logger.warning(
                    "Pruning counts epochs, and the loop did not say when one begins: call `on_epoch_begin(epoch)`, "
                    "or set `steps_per_epoch`."
                )
            self.manager.on_train_end()

    def close(self) -> None:
        """Listen no more to the model and the optimizers, whether or not training is over."""
        self.has_ended = True
        while self._handles:
            self._handles.pop().remove()

    def _set_clock(self, epoch: float) -> None:
        """Where epochs are counted, the first step of one is a whole number, at which masks may change, and the others
        are in between."""
        if self.counts_epochs and self.manager.state is not None:
            self.manager.state.global_step = epoch

    def _before_forward(self, model: nn.Module, args: tuple, kwargs: dict) -> tuple | None:
        if not (model.training and torch.is_grad_enabled()):
            return None
        before = set(model._forward_pre_hooks)
        self.begin_step()
        for key, hook in list(model._forward_pre_hooks.items()):
            if key not in before:  # training begins in this very call, which does not know them yet
                args, kwargs = hook(model, args, kwargs) or (args, kwargs)
        return args, kwargs

    def _before_optimizer(self, optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        if trains(optimizer, self.manager.raw_model):
            self.before_optimizer()

    def _after_optimizer(self, optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        if trains(optimizer, self.manager.raw_model):
            self.after_optimizer()


def refuse_prepared(model: nn.Module) -> None:
    """Raise ValueError for a model that torch has got ready to be quantized, as eager mode of INC 1.X needed it."""
    names = [name for name, module in model.named_modules() if type(module).__module__.startswith(OF_TORCH)]
    if names:
        raise UsageError(
            f"torch's own `prepare_qat` or `prepare` has changed the model, such as `{names[0]}`; leave that call out "
            "of the script: the model is prepared when training begins."
        )
