"""The run of a Trainer that callbacks take part in."""

import sys
import weakref
from types import FrameType

from transformers import Trainer, TrainerCallback, TrainerState

from inc_hf.errors import UsageError


class TrainerRun:
    """
    One call of `Trainer.train()`, made in `on_train_begin`.

    No event tells a callback that training ended by an exception or by KeyboardInterrupt. So a hook that belongs to a
    run asks `is_running` first: the run is over once the Trainer's loop, with the state of this run, is no longer
    among the callers. Nothing is held alive by this.

    Args:
        state (`TrainerState`): what the event got. Every call of `train()` has its own.
    """

    def __init__(self, state: TrainerState):
        self._state = weakref.ref(state)
        frame = sys._getframe(1)
        while frame is not None and not _is_driven_by(frame, state):
            frame = frame.f_back
        self._loop = frame and frame.f_code
        self.trainer: Trainer | None = weakref.proxy(frame.f_locals["self"]) if frame else None

    @property
    def callbacks(self) -> list[TrainerCallback]:
        """The Trainer's own list, in which they are called in this order; empty where no Trainer fires the events."""
        return [] if self.trainer is None else self.trainer.callback_handler.callbacks

    def refuse_second(self, callback: TrainerCallback, advice: str) -> None:
        """Raise ValueError if the Trainer has another callback of the same type, or this one twice."""
        name = type(callback).__name__
        if sum(isinstance(other, type(callback)) for other in self.callbacks) > 1:
            raise UsageError(f"This Trainer has two {name}s, or one that was added twice; add one, {advice}.")

    def log_first(self, callback: TrainerCallback) -> None:
        """Let `callback` add its figures to the logs before TensorBoard and the others that the Trainer puts first."""
        if callback in self.callbacks:
            self.callbacks.remove(callback)
            self.callbacks.insert(0, callback)

    def is_running(self) -> bool:
        """Whether the loop is still on this thread's call stack. Always True where no Trainer fires the events."""
        if self._loop is None:
            return True
        frame, state = sys._getframe(1), self._state()
        while frame is not None:
            if frame.f_code is self._loop and _is_driven_by(frame, state):
                return True
            frame = frame.f_back
        return False


def _is_driven_by(frame: FrameType, state: TrainerState | None) -> bool:
    """Whether the frame is of a method of a Trainer with `state`; others on the way to a callback may have it, too."""
    owner = frame.f_locals.get("self")
    return state is not None and isinstance(owner, Trainer) and getattr(owner, "state", None) is state
