"""Where runs that distil begin and end: resumed, repeated, stopped by an exception."""

import copy

import pytest
import torch
from distilling import (
    LOGGED,
    arguments,
    callback,
    has_hooks,
    history,
    kd,
    layers,
    make_trainer,
    student,
    teacher,
    train,
    weights,
)
from tiny import tiny_inputs
from transformers import TrainerCallback, TrainerState

from inc_hf.callbacks.distillation import STATE


class Interrupt(TrainerCallback):
    """Raises in one event of one step."""

    def __init__(self, event: str, error: type[BaseException] = KeyboardInterrupt, step: int = 2):
        def fail(args, state, control, **kwargs):
            if state.global_step == step:
                raise error("stop")

        setattr(self, event, fail)


@pytest.mark.parametrize("criterion", [[kd(), layers()], kd()], ids=["projection", "logits"])
@pytest.mark.parametrize("flag", [False, True], ids=["plain", "restore callbacks"])
def test_resumed_run_has_the_same_bits(tmp_path, criterion, flag):
    values = {"save_strategy": "steps", "save_steps": 2, "restore_callback_states_from_checkpoint": flag}
    model = student(hidden_dropout_prob=0.1)  # the random numbers must agree, too
    whole = train(tmp_path / "whole", [callback(criterion=criterion)], copy.deepcopy(model), **values)
    with pytest.raises(KeyboardInterrupt):
        train(
            tmp_path / "parts",
            [callback(criterion=criterion), Interrupt("on_step_begin", step=3)],
            copy.deepcopy(model),
            **values,
        )
    trainer = make_trainer(tmp_path / "parts", model, [callback(criterion=criterion)], **values)
    trainer.train(resume_from_checkpoint=True)
    assert torch.equal(weights(trainer.model), weights(whole.model))
    assert torch.equal(history(trainer, *LOGGED), history(whole, *LOGGED))


@pytest.mark.parametrize("criterion", [[kd(), layers()], kd()], ids=["projection", "logits"])
def test_a_checkpoint_without_the_state_of_the_optimizer(tmp_path, criterion):
    """Trained projections would be lost, and drawn anew; a loss without any needs no state."""
    values = {"save_strategy": "steps", "save_steps": 2, "save_only_model": True}
    train(tmp_path, [callback(criterion=criterion)], **values)
    trainer = make_trainer(tmp_path, student(), [callback(criterion=criterion)], max_steps=6)
    if isinstance(criterion, list):
        with pytest.raises(ValueError, match="`save_only_model`.* projections .* are lost; start training anew"):
            trainer.train(resume_from_checkpoint=True)
        assert trainer.state.global_step < 6
    else:
        trainer.train(resume_from_checkpoint=True)


def test_checkpoint_of_another_criterion(tmp_path):
    train(tmp_path, save_strategy="steps", save_steps=2)
    trainer = make_trainer(tmp_path, student(), [callback(criterion=kd())], max_steps=6)
    with pytest.raises(ValueError, match="has a projection 'parts.1.projections.0', which this `criterion` does not"):
        trainer.train(resume_from_checkpoint=True)


def test_model_init(tmp_path):
    trainer = make_trainer(tmp_path, None, [callback()], model_init=lambda: student())
    trainer.train()
    first = history(trainer, *LOGGED)
    trainer.train()
    assert torch.equal(history(trainer, *LOGGED), first)
    assert not has_hooks(trainer.model)


def test_auto_find_batch_size(tmp_path):
    """`on_train_begin` fires once more without `on_train_end`."""
    begun = []

    class Full(TrainerCallback):
        def on_train_begin(self, args, state, control, **kwargs):
            begun.append(state.train_batch_size)

        def on_step_begin(self, args, state, control, **kwargs):
            if state.train_batch_size == 8:
                raise RuntimeError("CUDA out of memory.")

    model = student()
    trainer = train(tmp_path, [callback(), Full()], model, auto_find_batch_size=True, max_steps=2)
    assert len(begun) > 1 and begun[-1] < 8
    assert (history(trainer, *LOGGED)[:, 2] > 0).all()
    assert not has_hooks(model)


def fail_backward(error):
    def fail(gradient):
        raise error

    return fail


INTERRUPTS = [
    ("on_step_begin", KeyboardInterrupt),
    ("forward", KeyboardInterrupt),
    ("forward", RuntimeError),
    ("backward", KeyboardInterrupt),
    ("on_log", RuntimeError),
]


@pytest.mark.parametrize("place, error", INTERRUPTS)
def test_after_an_exception_the_model_is_itself(tmp_path, place, error):
    model, guide = student(), teacher()
    distillation = callback(guide)
    callbacks, handle = [distillation], None
    if place == "forward":
        handle = model.classifier.register_forward_hook(lambda *args: fail_backward(error)(None))
    elif place == "backward":
        handle = model.classifier.weight.register_hook(fail_backward(error))
    else:
        callbacks.append(Interrupt(place, error))
    with pytest.raises(error):
        train(tmp_path, callbacks, model)
    if handle:
        handle.remove()
    batch = {**tiny_inputs(model), "labels": torch.tensor([0, 1, 1])}
    expected = type(model)(model.config)
    expected.load_state_dict(model.state_dict())
    copied = copy.deepcopy(model).train()
    assert torch.equal(copied(**batch).loss, expected.train()(**batch).loss)
    assert torch.equal(model.train()(**batch).loss, expected(**batch).loss)
    assert not has_hooks(model, guide)
    again = train(tmp_path, [distillation], model, max_steps=2)
    assert (history(again, *LOGGED)[:, 2] > 0).all()
    assert not has_hooks(model, guide)


def test_another_trainer_after_an_exception_is_not_distilled(tmp_path):
    """Its first call of the model finds the hooks of the run before."""
    model = student()
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, [callback(), Interrupt("on_pre_optimizer_step", step=0)], model)
    assert has_hooks(model)
    plain = train(tmp_path, [TrainerCallback()], model)
    assert not has_hooks(model)
    assert torch.equal(history(plain), history(train(tmp_path, [TrainerCallback()], student())))


def test_second_run_of_one_trainer(tmp_path):
    trainer = train(tmp_path)
    trainer.train()
    assert (history(trainer, *LOGGED)[:, 2] > 0).all()
    assert not has_hooks(trainer.model)


def test_events_of_a_loop_without_a_trainer(tmp_path):
    """Its run ends with `on_train_end`; beginning once more does not add the hooks once more."""
    model, distillation = student().train(), callback()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    args, event = arguments(tmp_path), {"model": model, "optimizer": optimizer}
    batch = {**tiny_inputs(model), "labels": torch.tensor([0, 1, 1])}
    own = model(**batch).loss
    losses = []
    for _ in range(2):
        distillation.on_train_begin(args, TrainerState(), None, **event)
        losses.append(model(**batch).loss)
    assert losses[0] != own and losses[0] == losses[1]
    losses[1].backward()
    distillation.on_pre_optimizer_step(args, TrainerState(), None, **event)
    optimizer.step()
    distillation.on_optimizer_step(args, TrainerState(), None, **event)
    assert STATE in optimizer.state
    distillation.on_train_end(args, TrainerState(), None, **event)
    assert STATE not in optimizer.state and not has_hooks(model)
