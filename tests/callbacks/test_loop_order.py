"""Which hooks of a hand-written loop may follow which."""

import pytest
from pruning_trainer import config_of
from tiny import TinyNet

from inc_hf.callbacks import PruningCallback
from inc_hf.callbacks.loop import LoopHooks
from inc_hf.callbacks.loop_order import RULES, LoopOrder, Phase

# How a loop gets to a phase.
WAYS = {
    Phase.OUTSIDE: [],
    Phase.BETWEEN_STEPS: ["on_train_begin"],
    Phase.IN_STEP: ["on_train_begin", "on_step_begin"],
    Phase.STEP_IS_DUE: ["on_train_begin", "on_step_begin", "on_before_optimizer_step"],
}
# Hook -> what is said to be missing, by phase; all others may be called everywhere in training.
MISSING = {
    "on_step_begin": {Phase.STEP_IS_DUE: "on_after_optimizer_step"},
    "on_before_optimizer_step": {Phase.BETWEEN_STEPS: "on_step_begin"},
    "on_after_optimizer_step": dict.fromkeys((Phase.BETWEEN_STEPS, Phase.IN_STEP), "on_before_optimizer_step"),
}
THEN = {
    "on_step_begin": Phase.IN_STEP,
    "on_before_optimizer_step": Phase.STEP_IS_DUE,
    "on_after_optimizer_step": Phase.BETWEEN_STEPS,
    "on_train_end": Phase.OUTSIDE,
}


def order_in(phase):
    order = LoopOrder()
    for hook in WAYS[phase]:
        order.call(hook)
    assert order.phase is phase
    return order


@pytest.mark.parametrize("phase", Phase, ids=lambda phase: phase.name.lower())
@pytest.mark.parametrize("hook", [hook for hook in RULES if hook != "on_train_begin"])
def test_every_hook_in_every_phase(hook, phase):
    order = order_in(phase)
    last, missing = order.last, MISSING.get(hook, {}).get(phase)
    if phase is Phase.OUTSIDE and hook not in ("on_before_eval", "on_after_eval"):
        missing = "on_train_begin"
    if missing is None:
        order.call(hook)
        assert (order.phase, order.last) == (THEN.get(hook, phase), hook)
    else:
        with pytest.raises(RuntimeError, match=f"^`{hook}` was called after {last}, without `{missing}` before it.$"):
            order.call(hook)
        assert (order.phase, order.last) == (phase, last)


def test_a_hook_that_raises_leaves_the_loop_where_it_was():
    order = order_in(Phase.IN_STEP)
    with pytest.raises(KeyError), order.hook("on_before_optimizer_step"):
        raise KeyError
    assert (order.phase, order.last) == (Phase.IN_STEP, "on_before_optimizer_step")


def test_there_is_a_rule_for_each_hook():
    assert set(RULES) == {name for name in vars(LoopHooks) if name.startswith("on_")}


def test_training_that_a_callback_refuses_has_not_begun():
    class Refusing(PruningCallback):
        def on_train_begin(self, *args, **kwargs):
            raise ValueError("not so")

    hooks = LoopHooks(TinyNet(), [Refusing(config_of())], max_steps=4)
    for _ in range(2):
        with pytest.raises(ValueError, match="not so"):
            hooks.on_train_begin()
    assert not hooks.has_begun
