"""Steps of an optimizer that the hooks of a hand-written loop do not tell of."""

import weakref
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook

from inc_hf.callbacks.loop_order import Phase


class UntoldSteps:
    """Notices each `optimizer.step()` of a model that comes without `on_before_optimizer_step`.

    Args:
        model (`nn.Module`): whose optimizers are meant.
        phase (`Callable`): says where the loop is.
        on_outside (`Callable`): is called where not even `on_step_begin` told of one.

    Attributes:
        is_due (`bool`): whether there was one since `on_step_begin`; whoever tells of it takes this back.
    """

    def __init__(self, model: nn.Module, phase: Callable[[], Phase], on_outside: Callable[[], None]):
        self.model, self.phase, self.on_outside = model, phase, on_outside
        self.is_due = False
        self._handle = register_optimizer_step_pre_hook(while_alive(self._before_step))

    def _before_step(self, optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        phase = self.phase()
        if phase in (Phase.IN_STEP, Phase.BETWEEN_STEPS) and trains(optimizer, self.model):
            if phase is Phase.BETWEEN_STEPS:
                self.on_outside()
            else:
                self.is_due = True

    def close(self) -> None:
        """Listen no more."""
        self._handle.remove()


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
