"""In which order the hooks of a hand-written loop are called."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto


class Phase(Enum):
    """Where the loop is."""

    OUTSIDE = auto()  # before and after training
    BETWEEN_STEPS = auto()
    IN_STEP = auto()  # one batch or several, of which the gradients add up
    STEP_IS_DUE = auto()  # the optimizer's


TRAINING = frozenset(Phase) - {Phase.OUTSIDE}


@dataclass(frozen=True)
class Rule:
    """When a hook may be called.

    Args:
        phases (`frozenset[Phase]`): where the loop may be.
        missing (`str`): the hook that has to come before, where the loop is in training but in none of `phases`.
        then (`Phase`, *optional*): where the loop is afterwards; None where it stays.
    """

    phases: frozenset[Phase] = TRAINING
    missing: str = "on_train_begin"
    then: Phase | None = None


RULES = {
    "on_train_begin": Rule(frozenset({Phase.OUTSIDE}), "on_train_end", Phase.BETWEEN_STEPS),
    "on_epoch_begin": Rule(),
    "on_step_begin": Rule(TRAINING - {Phase.STEP_IS_DUE}, "on_after_optimizer_step", Phase.IN_STEP),
    "on_after_compute_loss": Rule(),
    "on_before_optimizer_step": Rule(TRAINING - {Phase.BETWEEN_STEPS}, "on_step_begin", Phase.STEP_IS_DUE),
    "on_after_optimizer_step": Rule(frozenset({Phase.STEP_IS_DUE}), "on_before_optimizer_step", Phase.BETWEEN_STEPS),
    "on_step_end": Rule(),
    "on_epoch_end": Rule(),
    "on_before_eval": Rule(frozenset(Phase)),
    "on_after_eval": Rule(frozenset(Phase)),
    "on_train_end": Rule(then=Phase.OUTSIDE),
}


class LoopOrder:
    """The phase of one loop, and the hook that was called last."""

    def __init__(self):
        self.phase, self.last = Phase.OUTSIDE, "nothing"
        self.has_ended = False  # at least once

    def call(self, name: str) -> None:
        """Take note of a hook that does nothing, or has done it.

        Raises:
            RuntimeError: `name` is not to be called now.
        """
        with self.hook(name):
            pass

    @contextmanager
    def hook(self, name: str) -> Iterator[None]:
        """For the body of a hook. If that raises, the loop stays where it was.

        Raises:
            RuntimeError: `name` is not to be called now.
        """
        rule = RULES[name]
        if self.phase not in rule.phases:
            missing = "on_train_begin" if self.phase is Phase.OUTSIDE else rule.missing
            raise RuntimeError(f"`{name}` was called after {self.last}, without `{missing}` before it.")
        self.last = name
        yield
        self.phase = rule.then or self.phase
        self.has_ended = self.has_ended or name == "on_train_end"
