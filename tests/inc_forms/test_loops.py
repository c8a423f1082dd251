"""Hand-written loops that INC takes, though they do not call all that its documentation calls."""

import copy
import re

import pytest
import torch
from distilling import kd
from pruning_trainer import config_of, is_pruned
from test_training import BATCHES, INNER, STEPS, confs_of, without_dropout
from tiny import TinyNet, logits_of
from torch import nn

from inc_hf.compression.pruner import prepare_pruning
from inc_hf.config import DistillationConfig, QuantizationAwareTrainingConfig
from inc_hf.quantize.nn import quantized_modules
from inc_hf.training import fit, prepare_compression


def optimizer_of(model):
    return torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)


def loop(manager, model, steps=STEPS, begin=True, end=True):
    """Without `model.train()`: what comes from `from_pretrained` is in evaluation mode."""
    optimizer = optimizer_of(model)
    if begin:
        manager.on_train_begin()
    for i in range(steps):
        manager.on_step_begin(i)
        outputs = model(**BATCHES[i % len(BATCHES)])
        manager.on_after_compute_loss({}, outputs, outputs.loss).backward()
        manager.on_before_optimizer_step()
        optimizer.step()
        manager.on_after_optimizer_step()
        optimizer.zero_grad()
    if end:
        manager.on_train_end()


def state_after(kinds, caplog, training, **how):
    model = without_dropout().train(training)
    manager = prepare_compression(model, confs_of(*kinds))
    loop(manager, model, **how)
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("kinds", [("prune",), ("distil",), ("qat",), ("distil", "prune", "qat")], ids="-".join)
def test_a_model_that_was_never_put_into_training_mode(kinds, caplog):
    expected = state_after(kinds, caplog, training=True)
    assert "evaluation mode" not in caplog.text
    found = state_after(kinds, caplog, training=False)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.items())
    assert caplog.text.count("The model is trained in evaluation mode, without dropout; call `model.train()`") == 1


def test_prepare_pruning_of_such_a_model():
    model = without_dropout().eval()
    optimizer = optimizer_of(model)
    pruning = prepare_pruning(model, config_of(), optimizer)
    for i in range(STEPS):
        with torch.no_grad():
            model(**BATCHES[0])  # an evaluation in between
        model(**BATCHES[i % len(BATCHES)]).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    pruning.on_train_end()
    assert is_pruned(model)


@pytest.mark.parametrize("kinds", [("prune",), ("distil",), ("qat",)], ids="-".join)
def test_hooks_without_the_one_that_begins(kinds, caplog):
    expected = state_after(kinds, caplog, training=True)
    assert "which is done now" not in caplog.text
    found = state_after(kinds, caplog, training=True, begin=False)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.items())
    assert caplog.text.count("`on_step_begin` was called without `on_train_begin`, which is done now") == 1


def loop_with(manager, model, *hooks, steps=STEPS, clears="before backward", lr=1e-2):
    """A loop that calls only some of the hooks."""
    optimizer = torch.optim.SGD(model.parameters(), lr)
    model.train()
    manager.on_train_begin()
    for i in range(steps):
        if "on_step_begin" in hooks:
            manager.on_step_begin(i)
        outputs = model(**BATCHES[i % len(BATCHES)])
        loss = manager.on_after_compute_loss(BATCHES[i % len(BATCHES)], outputs, outputs.loss)
        if clears == "before backward":
            optimizer.zero_grad()
        loss.backward()
        for hook in ("on_before_optimizer_step", "optimizer", "on_after_optimizer_step"):
            if hook == "optimizer":
                optimizer.step()
            elif hook in hooks:
                getattr(manager, hook)()
        if clears == "at the end":
            optimizer.zero_grad()
        if "on_step_end" in hooks:
            manager.on_step_end()


ALL = ("on_step_begin", "on_before_optimizer_step", "on_after_optimizer_step", "on_step_end")


@pytest.mark.parametrize("hooks", [("on_step_begin", "on_step_end"), ("on_step_begin",)], ids="-".join)
@pytest.mark.parametrize("kind", ["magnitude", "snip_momentum"])
def test_a_loop_that_knows_of_batches_only(hooks, kind, caplog):
    """As many of 1.X did: the optimizer itself tells of its steps; the weights are those of a loop with all hooks."""
    states = {}
    for names in (ALL, hooks):
        model = without_dropout()
        manager = prepare_compression(model, config_of(pruning_type=kind))
        loop_with(manager, model, *names)
        assert ("which is done by itself; call it when" in caplog.text) == (names == hooks)
        manager.on_train_end()
        states[names] = model.state_dict()
        assert is_pruned(model)
    assert all(torch.equal(tensor, states[ALL][name]) for name, tensor in states[hooks].items())
    assert caplog.text.count("`optimizer.step()` was made without `on_before_optimizer_step`") == 1
    assert "Training ended before" not in caplog.text


def test_batches_that_add_up_are_one_step_all_the_same():
    """`on_step_end` of a batch after which the optimizer made no step ends none."""
    model = without_dropout()
    manager = prepare_compression(model, config_of(pruning_type="magnitude"))
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)
    manager.on_train_begin()
    for i in range(4):
        manager.on_step_begin(i)
        model(**BATCHES[i]).loss.backward()
        if i % 2:
            optimizer.step()
            optimizer.zero_grad()
        manager.on_step_end()
    assert manager.state.global_step == 2


@pytest.mark.parametrize("hooks", [("on_step_begin", "on_step_end"), ("on_step_begin",)], ids="-".join)
@pytest.mark.parametrize("kind", ["magnitude", "snip_momentum"])
def test_gradients_that_are_gone_when_the_first_step_is_told(hooks, kind, caplog):
    """From the second step on they are taken in time, and masks are kept even where nobody ends the training."""
    model = without_dropout()
    manager = prepare_compression(model, config_of(pruning_type=kind))
    loop_with(manager, model, *hooks, clears="at the end")
    assert is_pruned(model) and manager.state.global_step == STEPS


def test_a_loop_that_tells_of_a_step_behind_it(caplog):
    """It is the loop's own call that counts."""
    model = without_dropout()
    manager = prepare_compression(model, config_of(pruning_type="snip"))
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)
    manager.on_train_begin()
    for i in range(STEPS):
        manager.on_step_begin(i)
        optimizer.zero_grad()
        model(**BATCHES[i % len(BATCHES)]).loss.backward()
        optimizer.step()
        manager.on_before_optimizer_step()
        manager.on_step_end()
    manager.on_train_end()
    assert is_pruned(model) and "done by itself" not in caplog.text


def test_two_optimizers_of_one_model(caplog):
    model = without_dropout()
    manager = prepare_compression(model, config_of(pruning_type="magnitude"))
    parameters = list(model.parameters())
    optimizers = [torch.optim.SGD(some, 1e-2) for some in (parameters[::2], parameters[1::2])]
    manager.on_train_begin()
    for i in range(STEPS):
        manager.on_step_begin(i)
        model(**BATCHES[i % len(BATCHES)]).loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        model.zero_grad()
        manager.on_step_end()
    manager.on_train_end()
    assert is_pruned(model) and "no hook told" not in caplog.text


def test_a_loop_without_any_hook_of_a_step(caplog):
    """It is said at the first step, and what is said at the end is no other reason."""
    model = without_dropout()
    manager = prepare_compression(model, config_of(pruning_type="magnitude"))
    loop_with(manager, model)
    assert caplog.text.count("`optimizer.step()` was made and no hook told of it, so that nothing is pruned") == 1
    manager.on_train_end()
    assert "No hook told pruning of a step of the optimizer: `target_sparsity` is not reached" in caplog.text
    assert "Training ended before" not in caplog.text and not is_pruned(model)


def test_another_model_may_be_trained_beside_it(caplog):
    model, other = without_dropout(), without_dropout()
    manager = prepare_compression(model, config_of(pruning_type="magnitude"))
    manager.on_train_begin()
    other(**BATCHES[0]).loss.backward()
    torch.optim.SGD(other.parameters(), 1e-2).step()
    assert "no hook told" not in caplog.text


@pytest.mark.parametrize("hooks", [(), ("on_step_begin", "on_step_end")], ids=["none", "of batches"])
def test_the_steps_of_distillation_are_counted_or_not_told(hooks, caplog):
    model = without_dropout()
    manager = prepare_compression(model, DistillationConfig(copy.deepcopy(model), kd()))
    loop_with(manager, model, *hooks)
    manager.on_train_end()
    assert ("Distilled in 12 steps; " if hooks else "Distilled without a hook that tells of steps; ") in caplog.text


def test_distillation_with_one_hook_alone():
    """As in INC's guide: the teacher of the first batch gets what the hook is given."""
    torch.manual_seed(0)
    student, teacher = nn.Sequential(TinyNet()), TinyNet()
    manager = prepare_compression(student, DistillationConfig(teacher, kd(temperature=1.0, weights=(0.0, 1.0))))
    x = torch.randn(5, 4)
    losses = []
    for given in (x, (x,), x):
        outputs = student(x)
        losses.append(manager.on_after_compute_loss(given, outputs, outputs.sum()))
    with torch.no_grad():
        target = teacher(x).softmax(-1)
    by_hand = nn.functional.kl_div(outputs.log_softmax(-1), target, reduction="batchmean")
    for loss in losses:
        torch.testing.assert_close(loss, by_hand)


def test_layers_of_a_batch_that_ran_before_the_first_hook():
    model = without_dropout()
    manager = prepare_compression(model, DistillationConfig(copy.deepcopy(model), INNER))
    outputs = model(**BATCHES[0])
    with pytest.raises(ValueError, match="There is no output of the student to distil into"):
        manager.on_after_compute_loss(BATCHES[0], outputs, outputs.loss)


def test_hooks_of_evaluations_at_any_time():
    model = without_dropout()
    manager = prepare_compression(model, config_of())
    manager.on_before_eval()
    manager.on_after_eval()
    loop(manager, model)
    manager.callbacks.on_before_eval()
    manager.callbacks.on_after_eval()
    manager.on_train_end()  # twice, as in INC's examples
    assert is_pruned(model)


def test_an_optimizer_that_is_named_the_second_time():
    model = without_dropout()
    manager, optimizer = prepare_compression(model, confs_of("prune")), optimizer_of(model)
    manager.on_train_begin()
    manager.on_train_begin(optimizer=optimizer)
    loop(manager, model, steps=1, begin=False, end=False)
    assert "inc_hf_pruning" in manager._optimizer.state and manager._optimizer is optimizer


def test_after_quantization_aware_training_the_model_can_be_called():
    manager = prepare_compression(without_dropout().train(), QuantizationAwareTrainingConfig())
    loop(manager, manager.model.train())
    assert not manager.model.training and not manager.raw_model.training
    assert manager.model(**BATCHES[0]).loss.requires_grad is False or manager.model(**BATCHES[0]).loss.isfinite()
    assert manager.fp32_model is manager.model
    assert manager.model.tune_cfg["groups"]


def bare_loop(model):
    optimizer = optimizer_of(model)
    for batch in BATCHES:
        model(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


WAYS = {
    "no hooks": lambda manager: bare_loop,
    "no hook at the end": lambda manager: lambda model: loop(manager, model, end=False),
    "no hook at the begin": lambda manager: lambda model: loop(manager, model, begin=False),
    "all hooks": lambda manager: lambda model: loop(manager, model),
    "no training": lambda manager: lambda model: None,
}


@pytest.mark.parametrize("way", WAYS)
def test_fit_quantizes_whatever_hooks_the_loop_calls(way):
    manager = prepare_compression(without_dropout().train(), QuantizationAwareTrainingConfig())
    scores = []

    def evaluate(model):
        scores.append(len(quantized_modules(model)))
        return 1.0

    model = fit(manager, WAYS[way](manager), evaluate)
    assert model.met_criterion and scores == [0, 11]
    assert model.coverage.share == 1 and logits_of(model.model).isfinite().all()
    assert not model.model._forward_pre_hooks


def test_fit_trains_with_rounded_weights_from_the_first_batch():
    with_hooks = prepare_compression(without_dropout().train(), QuantizationAwareTrainingConfig())
    fit(with_hooks, lambda model: loop(with_hooks, model, steps=len(BATCHES)))
    without = prepare_compression(without_dropout().train(), QuantizationAwareTrainingConfig())
    fit(without, bare_loop)
    expected = with_hooks.model.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in without.model.state_dict().items())


def test_what_fit_says_of_a_loop_that_does_not_do_its_part(caplog):
    manager = prepare_compression(without_dropout(), confs_of("prune"))
    fit(manager, lambda model: copy.deepcopy(model.model))
    assert re.findall("`train_func` (returned another model|called none of the hooks)", caplog.text) == [
        "returned another model",
        "called none of the hooks",
    ]
