"""The hooks of a component of INC 1.X, with the names that it had deprecated."""

import warnings
from collections.abc import Callable
from typing import Any

from inc_hf.config.checks import check_choice
from inc_hf.experimental.loop import Loop

SCOPES = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_step_begin",
    "on_step_end",
    "on_after_compute_loss",
    "on_before_optimizer_step",
)


class Hooks:
    """What a loop calls. Which of them it calls, and in which order, is its own affair, see [`Loop`].

    The first of them prepares the model, if `fit()` has not.
    """

    def __init__(self):
        self._registered: dict[str, list[Callable]] = {scope: [] for scope in SCOPES}

    def loop(self) -> Loop:
        """That of the training which runs."""
        raise NotImplementedError

    @property
    def hooks(self) -> dict[str, Callable]:
        """Name -> hook."""
        return {scope: getattr(self, scope) for scope in SCOPES}

    def register_hook(self, scope: str, hook: Callable, input_args: Any = None, input_kwargs: Any = None) -> None:
        """Have a function called whenever the hook `scope` is, with the same arguments."""
        registered = self._registered[check_choice("scope", scope, SCOPES)]
        if hook not in registered:
            registered.append(hook)

    def _call_registered(self, scope: str, *args: Any) -> list:
        return [hook(*args) for hook in self._registered[scope]]

    def on_train_begin(self, dataloader: Any = None) -> None:
        """Before the first epoch."""
        self.loop().begin()
        self._call_registered("on_train_begin", dataloader)

    def on_epoch_begin(self, epoch: int) -> None:
        """Before the first batch of an epoch."""
        self.loop().begin_epoch(epoch)
        self._call_registered("on_epoch_begin", epoch)

    def on_step_begin(self, batch_id: int) -> list:
        """Before the forward pass of a batch."""
        self.loop().begin_step(batch_id)
        return self._call_registered("on_step_begin", batch_id)

    def on_after_compute_loss(
        self, input: Any, student_output: Any, student_loss: Any, teacher_output: Any = None
    ) -> Any:
        """After the loss of a batch; returns the loss to train."""
        loss = self.loop().loss(input, student_output, student_loss, teacher_output)
        for hook in self._registered["on_after_compute_loss"]:
            loss = hook(input, student_output, loss, teacher_output)
        return loss

    def on_before_optimizer_step(self) -> None:
        """When the gradients are there."""
        self.loop().before_optimizer()
        self._call_registered("on_before_optimizer_step")

    def on_after_optimizer_step(self) -> None:
        """After `optimizer.step()`; 1.X has it in its pruner for PyTorch only."""
        self.loop().after_optimizer()

    def on_step_end(self) -> list:
        """After a batch."""
        self.loop().after_optimizer()
        return self._call_registered("on_step_end")

    def on_epoch_end(self) -> list:
        """After the last batch of an epoch."""
        self.loop().end_epoch()
        return self._call_registered("on_epoch_end")

    def on_train_end(self) -> None:
        """After the last epoch: masks are final, and quantization-aware training converts the model."""
        self.loop().end()
        self._call_registered("on_train_end")

    def pre_epoch_begin(self, dataloader: Any = None) -> None:
        """Deprecated: [`on_train_begin`]."""
        _deprecated("pre_epoch_begin", "on_train_begin")
        self.on_train_begin(dataloader)

    def post_epoch_end(self) -> None:
        """Deprecated: [`on_train_end`]."""
        _deprecated("post_epoch_end", "on_train_end")
        self.on_train_end()

    def on_batch_begin(self, batch_id: int) -> list:
        """Deprecated: [`on_step_begin`]."""
        _deprecated("on_batch_begin", "on_step_begin")
        return self.on_step_begin(batch_id)

    def on_batch_end(self) -> list:
        """Deprecated: [`on_step_end`]."""
        _deprecated("on_batch_end", "on_step_end")
        return self.on_step_end()

    def on_post_grad(self) -> None:
        """Deprecated: [`on_before_optimizer_step`]."""
        _deprecated("on_post_grad", "on_before_optimizer_step")
        self.on_before_optimizer_step()


def _deprecated(name: str, instead: str) -> None:
    warnings.warn(f"`{name}` is deprecated; use `{instead}`.", DeprecationWarning, stacklevel=3)
