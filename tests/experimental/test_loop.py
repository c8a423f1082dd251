"""Loops that call all hooks, some, or none give the same bits as one that calls those of 2.X."""

import copy
import gc
import weakref

import pytest
import torch
from experimenting import BATCHES, loop, loop_of_2x, net, same
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

from inc_hf.config import DistillationConfig, QuantizationAwareTrainingConfig, WeightPruningConfig
from inc_hf.experimental.hooks import SCOPES, Hooks
from inc_hf.experimental.loop import Loop
from inc_hf.training import prepare_compression

PRUNE = WeightPruningConfig(target_sparsity=0.5, pattern="1x1", start_step=0, end_step=8, pruning_type="magnitude")
SNIP = WeightPruningConfig(target_sparsity=0.5, pattern="1x1", start_step=1, end_step=8)
CONFIGS = {
    "prune": lambda: [PRUNE],
    "snip": lambda: [SNIP],
    "qat": lambda: [QuantizationAwareTrainingConfig()],
    "distil": lambda: [DistillationConfig(net(2))],
    "all": lambda: [DistillationConfig(net(2)), SNIP, QuantizationAwareTrainingConfig()],
}


class Old(Hooks):
    """The hooks of 1.X on one manager."""

    def __init__(self, manager):
        super().__init__()
        self._loop = Loop(manager)

    def loop(self):
        return self._loop


def by_hand(kind):
    manager = prepare_compression(net(), CONFIGS[kind]())
    loop_of_2x(manager.model.model, manager)
    return manager.model.model


CALLS = {
    "all": None,
    "no gradients": tuple(name for name in SCOPES if name != "on_before_optimizer_step"),
    "steps only": ("on_step_begin", "on_step_end", "on_after_compute_loss"),
    "epochs only": ("on_epoch_begin", "on_epoch_end", "on_after_compute_loss"),
    "the loss only": ("on_after_compute_loss",),
}


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("calls", CALLS)
def test_whichever_hooks_a_loop_calls(kind, calls):
    manager = prepare_compression(net(), CONFIGS[kind]())
    old = Old(manager)
    loop(manager.model.model, old, calls=CALLS[calls])
    old.loop().end()
    assert same(manager.model.model, by_hand(kind))


def test_a_loop_without_any_hook_can_quantize_and_prune():
    for kind in ("qat", "snip"):
        manager = prepare_compression(net(), CONFIGS[kind]())
        old = Old(manager)
        loop(manager.model.model, old, calls=())
        old.loop().end()
        assert same(manager.model.model, by_hand(kind))


def test_batches_of_one_step_are_one_step():
    manager = prepare_compression(net(), [PRUNE])
    old, model = Old(manager), manager.model.model
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    old.on_train_begin()
    for i, (x, y) in enumerate(BATCHES):
        old.on_step_begin(i)
        torch.nn.functional.cross_entropy(model(x), y).backward()
        if i % 2:
            optimizer.step()
        old.on_step_end()
    assert manager.state.global_step == 2


def test_evaluation_and_other_models_are_no_steps():
    manager = prepare_compression(net(), [PRUNE])
    old, other = Old(manager), torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(other.parameters(), 0.1)
    other(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    with torch.no_grad():
        manager.model.model(BATCHES[0][0])
    manager.model.model.eval()(BATCHES[0][0])
    assert not old.loop().has_begun


def test_nothing_listens_afterwards():
    model = net()
    counts = len(_global_optimizer_pre_hooks), len(_global_optimizer_post_hooks), len(model._forward_pre_hooks)
    old = Old(prepare_compression(model, [PRUNE]))
    loop(model, old)
    assert counts == (
        len(_global_optimizer_pre_hooks),
        len(_global_optimizer_post_hooks),
        len(model._forward_pre_hooks),
    )


class OfTorch(torch.nn.Linear):
    """As torch's own modules of quantization-aware training, which newer versions do not have."""

    __module__ = "torch.ao.nn.qat.modules.linear"


def test_a_model_that_torch_has_prepared():
    model = net()
    model.hidden = OfTorch(288, 16)
    old = Old(prepare_compression(model, CONFIGS["qat"]()))
    with pytest.raises(ValueError, match="torch's own `prepare_qat` .* such as `hidden`; leave that call out"):
        old.on_train_begin()


def given_up():
    model = net()
    old = Old(prepare_compression(model, [PRUNE]))
    old.on_train_begin()
    return weakref.ref(model)


def test_a_training_that_is_given_up_is_not_kept():
    gone = given_up()
    gc.collect()
    assert gone() is None
    other = torch.nn.Linear(2, 2)
    other(torch.ones(1, 2)).sum().backward()
    torch.optim.SGD(other.parameters(), 0.1).step()  # what is left of the hooks does nothing


def test_a_copy_of_the_model_has_no_loop():
    model = net()
    old = Old(prepare_compression(model, [PRUNE]))
    copied = copy.deepcopy(model).train()
    copied(BATCHES[0][0])
    assert not old.loop().has_begun


@pytest.mark.parametrize(
    "name, args, instead",
    [
        ("pre_epoch_begin", (), "on_train_begin"),
        ("post_epoch_end", (), "on_train_end"),
        ("on_batch_begin", (0,), "on_step_begin"),
        ("on_batch_end", (), "on_step_end"),
        ("on_post_grad", (), "on_before_optimizer_step"),
    ],
)
def test_deprecated_names(name, args, instead):
    old = Old(prepare_compression(net(), [PRUNE]))
    called = []
    old.register_hook(instead, lambda *a: called.append(a))
    for parameter in old.loop().manager.raw_model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    with pytest.warns(DeprecationWarning, match=f"`{name}` is deprecated; use `{instead}`") as warned:
        getattr(old, name)(*args)
    assert len(called) == len(warned) == 1


def test_hooks_of_the_users_own():
    old = Old(prepare_compression(net(), [PRUNE]))
    old.register_hook("on_epoch_end", lambda: 3)
    old.register_hook("on_after_compute_loss", lambda inputs, outputs, loss, teacher: 2 * loss)
    assert old.on_epoch_end() == [3]
    assert old.on_after_compute_loss(None, None, torch.tensor(1.5)) == 3
    with pytest.raises(ValueError, match="`scope` must be one of on_train_begin, .* got 'on_epoch'"):
        old.register_hook("on_epoch", print)
    assert list(old.hooks) == list(SCOPES)
