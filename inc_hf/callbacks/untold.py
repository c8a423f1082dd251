"""Steps of an optimizer that the hooks of a hand-written loop do not tell of."""

import weakref
from collections.abc import Callable
from typing import Any, Protocol

from torch import nn
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from inc_hf.callbacks.loop_order import Phase


class Hooks(Protocol):
    """What [`UntoldSteps`] asks and calls."""

    raw_model: nn.Module

    @property
    def phase(self) -> Phase: ...
    def on_before_optimizer_step(self) -> None: ...
    def on_after_optimizer_step(self) -> None: ...
    def step_outside(self) -> None: ...


class UntoldSteps:
    """Notices each `optimizer.step()` of a model that comes without `on_before_optimizer_step`.

    Of the first one nobody knows whether the loop is to tell of it behind the step; the others are told when they are
    made.

    Args:
        hooks ([`Hooks`]): of the loop.

    Attributes:
        is_due (`bool`): whether there was one since `on_step_begin` that has to be told; whoever does takes it back.
        at_once (`bool`): whether those to come are told when they are made.
    """

    def __init__(self, hooks: Hooks):
        self.hooks = hooks
        self.is_due = self.at_once = self._told = False
        self._handles = [
            register_optimizer_step_pre_hook(while_alive(self._before_step)),
            register_optimizer_step_post_hook(while_alive(self._after_step)),
        ]

    def _before_step(self, optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        phase = self.hooks.phase
        if phase not in (Phase.IN_STEP, Phase.BETWEEN_STEPS) or not trains(optimizer, self.hooks.raw_model):
            return
        if phase is Phase.IN_STEP and self.at_once:
            self.hooks.on_before_optimizer_step()
            self._told = True
        elif phase is Phase.IN_STEP:
            self.is_due = True
        elif not self.at_once:  # otherwise it is a second optimizer
            self.hooks.step_outside()

    def _after_step(self, optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        if self._told and trains(optimizer, self.hooks.raw_model):
            self._told = False
            self.hooks.on_after_optimizer_step()

    def close(self) -> None:
        """Listen no more."""
        for handle in self._handles:
            handle.remove()


def trains(optimizer: Optimizer, model: nn.Module) -> bool:
    """Whether an optimizer has parameters of a model."""
    own = {id(parameter) for parameter in model.parameters()}
    return any(id(parameter) in own for group in optimizer.param_groups for parameter in group["params"])


def while_alive(method: Callable) -> Callable:
    """A hook of all optimizers, which would keep the loop of a training that was given up, and its model."""
    reference = weakref.WeakMethod(method)

    def call(*args: Any) -> None:
        alive = reference()
        if alive is not None:
            alive(*args)

    return call
