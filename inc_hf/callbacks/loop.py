"""The events of the Trainer, fired by a loop that somebody wrote themselves: INC's hooks."""

import logging
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState

from inc_hf.callbacks.distillation import DistillationCallback
from inc_hf.callbacks.loop_callback import LoopArguments, LoopCallback
from inc_hf.callbacks.loop_order import LoopOrder, Phase
from inc_hf.callbacks.pruning import PruningCallback
from inc_hf.callbacks.untold import UntoldSteps
from inc_hf.config import WeightPruningConfig
from inc_hf.errors import UsageError
from inc_hf.prune.criterion import criterion_of
from inc_hf.telling import warn_once
from inc_hf.undo import restored_on_error

logger = logging.getLogger(__name__)


def say_that_it_prunes_at_once(config: WeightPruningConfig) -> None:
    """Warn of a config without an end, which cannot follow from the length of the run."""
    if any(c.end_step is None and criterion_of(c.pruning_type).needs_gradient for c in config.merged_configs()):
        logger.warning(
            "Without `end_step` and the length of the run, everything is pruned at once, when there are gradients: to "
            "prune little by little pass `max_steps`, the optimizer steps of the run, or set `end_step`."
        )


def refuse_shares_of_the_run(config: WeightPruningConfig) -> None:
    """Raise ValueError if the config has steps that hang on the length of the run, which is not known."""
    for merged in config.merged_configs():
        for name in ("start_step", "end_step"):
            step = getattr(merged, name)
            if step is not None and (step == -1 or 0 < step < 1):
                raise UsageError(
                    f"`{name}={step}` needs to know how long training is: pass `max_steps`, the optimizer steps of "
                    "the run."
                )


TRAIN = "call `model.train()` before the loop."
UNTOLD = (
    "`optimizer.step()` was made without `on_before_optimizer_step`, which is done by itself; call it when the "
    "gradients are there, and `on_after_optimizer_step` or `on_step_end` behind the step."
)
OUTSIDE = (
    "`optimizer.step()` was made and no hook told of it, so that nothing is pruned in it: call `on_step_begin`, "
    "`on_before_optimizer_step` and `on_after_optimizer_step` in the loop."
)


def _call_with(inputs: Any) -> tuple[tuple, dict[str, Any]]:
    """Arguments by position and by name of the call of a model, as INC takes its `input`."""
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,), {}


class LoopHooks:
    """
    INC's eleven hooks for a hand-written loop. They drive the callbacks of the Trainer: with the same data in the same
    order, the weights come out the same.

    ```python
    hooks.on_train_begin()
    for epoch in range(epochs):
        hooks.on_epoch_begin(epoch)
        for i, batch in enumerate(dataloader):
            hooks.on_step_begin(i)
            outputs = model(**batch)
            loss = hooks.on_after_compute_loss(batch, outputs, outputs.loss)
            loss.backward()
            hooks.on_before_optimizer_step()
            optimizer.step()
            hooks.on_after_optimizer_step()
            optimizer.zero_grad()
            hooks.on_step_end()
        hooks.on_epoch_end()
    hooks.on_train_end()
    ```

    A batch that adds to the gradient of the next ones has no call of `on_before_optimizer_step` and
    `on_after_optimizer_step`; steps are optimizer steps. Hooks without `on_train_begin` begin by themselves, with a
    warning, and so do steps of the optimizer of which `on_step_begin` alone tells; those of evaluations may be called
    at any time.

    Args:
        model (`nn.Module`): what is trained.
        callbacks (`list[TrainerCallback]`): called in this order.
        max_steps (`int`, *optional*): optimizer steps of the whole run.
        seed (`int`, *optional*, defaults to 42): of the first values of projections between layers.

    Raises (also each hook):
        RuntimeError: hooks were called out of order, or another model was trained.
        ValueError: what the callbacks raise.
    """

    watches_optimizers = True  # False where somebody else calls the hooks

    def __init__(
        self, model: nn.Module, callbacks: list[TrainerCallback], max_steps: int | None = None, seed: int = 42
    ):
        self.raw_model, self.seed = model, seed
        self.max_steps = float("inf") if max_steps is None else max_steps
        for callback in callbacks if max_steps is None else ():
            if isinstance(callback, PruningCallback):
                refuse_shares_of_the_run(callback.config)
                say_that_it_prunes_at_once(callback.config)
        self.callbacks_list = [LoopCallback(callback) for callback in callbacks]
        self.state: TrainerState | None = None
        self._control = TrainerControl()
        self._order = LoopOrder()
        self._untold: UntoldSteps | None = None

    def on_train_begin(self, dataloader: Iterable | None = None, optimizer: Any = None, global_step: int = 0) -> None:
        """Before the first step.

        Args:
            dataloader (*optional*): not needed, accepted as in INC.
            optimizer (`torch.optim.Optimizer`, *optional*): keeps in its state what a resumed run needs, and gives
                projections between layers their learning rate.
            global_step (`int`, *optional*, defaults to 0): optimizer steps that were made before, when resuming.
        """
        if self._order.last == "on_train_begin" and self._order.phase is not Phase.OUTSIDE and not global_step:
            self._optimizer = optimizer or self._optimizer
            return  # INC's documentation calls it both outside and inside of the loop
        if self._order.phase is not Phase.OUTSIDE:
            raise RuntimeError("`on_train_begin` was called twice; call `on_train_end` in between.")
        first = next(self.raw_model.parameters())
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        world_size = torch.distributed.get_world_size() if distributed else 1
        self._arguments = LoopArguments(first.device, self.seed, world_size)
        self._optimizer = optimizer or SimpleNamespace(state={}, param_groups=[{"lr": None}])
        self.state = TrainerState(max_steps=self.max_steps, global_step=global_step)
        with restored_on_error(self.raw_model):  # one callback may have begun when another refuses
            self._fire("on_train_begin")
        self._order.call("on_train_begin")  # only now: where a callback refused, training has not begun
        if self.watches_optimizers:
            self._untold = UntoldSteps(self)

    @property
    def phase(self) -> Phase:
        """Where the loop is."""
        return self._order.phase

    @property
    def has_begun(self) -> bool:
        """Whether the loop is between `on_train_begin` and `on_train_end`."""
        return self._order.phase is not Phase.OUTSIDE

    @property
    def has_ended(self) -> bool:
        """Whether the loop is after `on_train_end`."""
        return self._order.phase is Phase.OUTSIDE and self._order.has_ended

    def _begin_by_itself(self, hook: str) -> bool:
        """Begin before a hook of a loop that did not; returns whether it was so."""
        if self.has_begun:
            return False
        logger.warning("`%s` was called without `on_train_begin`, which is done now; call it first.", hook)
        self.on_train_begin()
        return True

    def on_epoch_begin(self, epoch: int) -> None:
        """Before the first batch of an epoch."""
        self._begin_by_itself("on_epoch_begin")
        with self._order.hook("on_epoch_begin"):
            self._fire("on_epoch_begin")

    def on_step_begin(self, batch_id: int) -> None:
        """Before the forward pass of each batch."""
        self._begin_by_itself("on_step_begin")
        self._tell()
        with self._order.hook("on_step_begin"):
            if self._order.phase is not Phase.IN_STEP:  # several batches may make one step
                self._fire("on_step_begin")

    def on_after_compute_loss(
        self, input: Any, student_output: Any, student_loss: Tensor, teacher_output: Any = None
    ) -> Tensor:
        """After the loss of a batch: returns the loss to train, which is `student_loss` where nothing is distilled.

        Args:
            input: of the model, as in INC; the teacher gets what the model was called with, where that is known.
            student_output: a mapping, such as a `ModelOutput`, or the logits.
            student_loss (`torch.Tensor`): mean loss of the batch.
            teacher_output (*optional*): of the same batch, so that the teacher is not called.
        """
        call = _call_with(input) if self._begin_by_itself("on_after_compute_loss") else None
        with self._order.hook("on_after_compute_loss"):
            for entry in self.callbacks_list:
                if isinstance(entry.callback, DistillationCallback):
                    student_loss = entry.callback.on_after_compute_loss(
                        student_output, student_loss, teacher_output, call
                    )
        return student_loss

    def on_before_optimizer_step(self) -> None:
        """When the gradients of a step are there, after clipping."""
        self._begin_by_itself("on_before_optimizer_step")
        with self._order.hook("on_before_optimizer_step"):
            if all(parameter.grad is None for parameter in self.raw_model.parameters()):
                raise RuntimeError(
                    "The model has no gradients in `on_before_optimizer_step`: another model was trained, or "
                    "`loss.backward()` was not called. Train the `model` of what `prepare_compression` returned."
                )
            self._fire("on_pre_optimizer_step")
        if not self.raw_model.training:
            warn_once(logger, self.raw_model, "The model is trained in evaluation mode, without dropout; %s", TRAIN)

    def on_after_optimizer_step(self) -> None:
        """After `optimizer.step()`, before the gradients are cleared."""
        with self._order.hook("on_after_optimizer_step"):
            self._fire("on_optimizer_step")
            self.state.global_step += 1
            self._fire("on_step_end")

    def on_step_end(self) -> None:
        """After each batch. Ends the step if the loop has no `on_after_optimizer_step`, as some of INC's have none."""
        self._tell()
        with self._order.hook("on_step_end"):
            if self._order.phase is Phase.STEP_IS_DUE:
                self.on_after_optimizer_step()

    def on_epoch_end(self) -> None:
        """After the last batch of an epoch."""
        with self._order.hook("on_epoch_end"):
            self._fire("on_epoch_end")

    def on_before_eval(self) -> None:
        """Before an evaluation."""
        self._order.call("on_before_eval")

    def on_after_eval(self) -> None:
        """After an evaluation."""
        self._order.call("on_after_eval")

    def on_train_end(self) -> None:
        """After the last step: masks are final, and quantization-aware training converts the model."""
        if self.has_ended:
            return  # as `on_train_begin`
        self._tell()
        with self._order.hook("on_train_end"):
            self._fire("on_train_end")
        self.state = None
        if self._untold is not None:
            self._untold.close()
            self._untold = None

    def _tell(self) -> None:
        """Make up for a step of the optimizer that the loop did not tell of, but for `on_step_begin`."""
        if self._untold is None or not self._untold.is_due:
            return
        self._untold.is_due = False
        if self._order.phase is Phase.IN_STEP:
            self._untold.at_once = True
            warn_once(logger, self.raw_model, UNTOLD)
            with self._order.hook("on_before_optimizer_step"):
                self._fire("on_pre_optimizer_step")
            self.on_after_optimizer_step()

    def step_outside(self) -> None:
        """The optimizer makes a step of which no hook told: a word, where it matters."""
        if any(isinstance(entry.callback, PruningCallback) for entry in self.callbacks_list):
            warn_once(logger, self.raw_model, OUTSIDE)

    def _fire(self, event: str) -> None:
        for entry in self.callbacks_list:
            getattr(entry.callback, event)(
                self._arguments,
                self.state,
                self._control,
                model=self.raw_model,
                optimizer=self._optimizer,
            )
