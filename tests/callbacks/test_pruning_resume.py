"""Pruning that is killed or stopped, and resumed."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pruning_trainer import Keep, config_of, is_pruned, run_job, same, trainer_of, weights_of
from tiny import offline_environment
from transformers import AutoModelForSequenceClassification

from inc_hf.callbacks.pruning import STATE


def resumed(folder, at, how="constructor", second=None, **values):
    """Weights and last states of a run, and of one that takes up its checkpoint."""
    results = []
    for resume in (None, str(folder / f"checkpoint-{at}")):
        settings = {**values, **(second or {})} if resume else values
        trainer, callback = trainer_of(folder, how=how, save_strategy="steps", save_steps=at, **settings)
        keep = Keep(callback)
        trainer.add_callback(keep)
        trainer.train(resume_from_checkpoint=resume)
        results.append((weights_of(trainer.model), {step: s for step, s in keep.states.items() if step > at}))
    return results


RESUMED = {
    "default": {},
    "added": {"how": "add_callback"},
    "restored callbacks": {"restore_callback_states_from_checkpoint": True},
    "accumulation": {"gradient_accumulation_steps": 2},
    "progressive": {"config": config_of(pruning_type="snip_progressive", pruning_frequency=3)},
    "n of m": {"config": config_of(pattern="2:4")},
    "little memory": {"config": config_of(low_memory_usage=True)},
    "two configs": {"config": config_of(pruning_configs=[{"op_names": ["attention"]}, {"op_names": ["pooler"]}])},
    **{optim: {"optim": optim} for optim in ("adamw_torch_fused", "adafactor", "sgd", "adagrad", "rmsprop")},
}


@pytest.mark.parametrize("values", RESUMED.values(), ids=RESUMED)
@pytest.mark.parametrize("at", [5, 6])
def test_resumed_to_the_same_bits(values, at, tmp_path):
    one, other = resumed(tmp_path, at, **values)
    assert len(one[1]) == 12 - at and same(one, other)


@pytest.mark.parametrize("steps", [1, 3, 7, 9, 12])
def test_every_checkpoint_is_one_of_the_plain_model(steps, tmp_path):
    trainer, _ = trainer_of(tmp_path, max_steps=12, save_strategy="steps", save_steps=steps)
    trainer.train()
    folders = sorted(tmp_path.glob("checkpoint-*"))
    assert len(folders) == -(-12 // steps)
    for folder in folders:
        model, info = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
        assert not any(info.values()), info
        assert is_pruned(model) == (int(folder.name.split("-")[1]) > 8)


def test_a_checkpoint_without_masks_cannot_be_resumed(tmp_path):
    trainer, callback = trainer_of(tmp_path, save_strategy="steps", save_steps=6)
    trainer.remove_callback(callback)
    trainer.train()
    with pytest.raises(ValueError, match="not made with a PruningCallback, or without the state of the optimizer"):
        trainer_of(tmp_path)[0].train(resume_from_checkpoint=str(tmp_path / "checkpoint-6"))
    other = tmp_path / "other"
    trainer_of(other, save_strategy="steps", save_steps=6, save_only_model=True)[0].train()
    with pytest.raises(ValueError, match="`save_only_model`"):
        trainer_of(other)[0].train(resume_from_checkpoint=str(other / "checkpoint-6"))


def test_a_checkpoint_of_another_config(tmp_path):
    trainer_of(tmp_path, save_strategy="steps", save_steps=6)[0].train()
    folder = str(tmp_path / "checkpoint-6")
    two = config_of(pruning_configs=[{"op_names": ["attention"]}, {"op_names": ["pooler"]}])
    with pytest.raises(ValueError, match="made with 1 `pruning_configs`, and now there are 2"):
        trainer_of(tmp_path, config=two)[0].train(resume_from_checkpoint=folder)
    with pytest.raises(ValueError, match="The checkpoint was pruned in other layers"):
        trainer_of(tmp_path, config=config_of(op_names=["pooler"]))[0].train(resume_from_checkpoint=folder)


def test_a_pruned_checkpoint_goes_on_without_the_callback(tmp_path):
    trainer_of(tmp_path, save_strategy="steps", save_steps=6)[0].train()
    trainer, callback = trainer_of(tmp_path)
    trainer.remove_callback(callback)
    trainer.train(resume_from_checkpoint=str(tmp_path / "checkpoint-6"))
    assert trainer.state.global_step == 12


OPTIMIZERS = {
    "adamw": (torch.optim.AdamW, {}),
    "adamw foreach": (torch.optim.AdamW, {"foreach": True}),
    "adamw fused": (torch.optim.AdamW, {"fused": True}),
    "adamw amsgrad": (torch.optim.AdamW, {"amsgrad": True}),
    "sgd": (torch.optim.SGD, {"lr": 0.1}),
    "sgd momentum": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "foreach": True}),
    **{
        cls.__name__: (cls, {})
        for cls in (torch.optim.Adagrad, torch.optim.Adadelta, torch.optim.NAdam, torch.optim.RAdam)
        + (torch.optim.Adamax, torch.optim.ASGD, torch.optim.Rprop, torch.optim.RMSprop)
    },
}


@pytest.mark.parametrize(("cls", "values"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_optimizers_carry_the_state(cls, values, tmp_path):
    """What the callback puts into the state of an optimizer comes back, and changes none of its steps."""
    state = [{"masks": {"a.b": torch.tensor([True, False])}, "scores": {}, "initial": 0.5}]

    def step(optimizer, weight):
        weight.grad = weight.detach().sin()
        optimizer.step()

    results = []
    for own in (None, state):
        weight = torch.nn.Parameter(torch.arange(4.0))
        optimizer = cls([weight], **values)
        step(optimizer, weight)
        if own is not None:
            optimizer.state[STATE] = own
        step(optimizer, weight)
        torch.save(optimizer.state_dict(), tmp_path / "optimizer.pt")
        weight = torch.nn.Parameter(weight.detach().clone())
        optimizer = cls([weight], **values)
        optimizer.load_state_dict(torch.load(tmp_path / "optimizer.pt", weights_only=True))
        assert same(optimizer.state.get(STATE), own)
        step(optimizer, weight)
        optimizer.zero_grad()
        results.append(weight.detach().clone())
    assert torch.equal(*results)


def script(*arguments, processes=1):
    """Run `pruning_trainer.py`; returns whether it came to its end."""
    launcher = (
        ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
    )
    command = [sys.executable, *launcher, str(Path(__file__).parents[1] / "pruning_trainer.py"), *map(str, arguments)]
    done = subprocess.run(command, env=offline_environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 or "SIGKILL" in done.stderr or done.returncode == -9, done.stderr
    return done.returncode == 0


def result(folder, rank=0):
    return torch.load(folder / f"result-{rank}.pt", weights_only=True)


@pytest.mark.parametrize("how", ["constructor", "add_callback"])
def test_killed_and_resumed_to_the_same_bits(how, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    assert not script(f"{other}:kill", "--how", how)
    assert [folder.name for folder in other.iterdir()] == ["checkpoint-5"]
    run_job(one, how)
    run_job(other, how, resume=True)
    whole, parts = result(one), result(other)
    assert same(whole["weights"], parts["weights"])
    assert list(parts["states"]) == list(range(6, 13))
    assert same({step: whole["states"][step] for step in parts["states"]}, parts["states"])


@pytest.mark.slow(
    "inc_hf/callbacks",
    "inc_hf/config",
    "inc_hf/matching",
    "inc_hf/prune",
    "tests/callbacks",
    "tests/pruning_trainer.py",
)
def test_two_processes_killed_and_resumed(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    assert not script(f"{other}:kill", processes=2)
    assert not list(other.glob("result*")) and [f.name for f in other.iterdir()] == ["checkpoint-5"]
    assert script(one, f"{other}:resume", processes=2)
    for folder in (one, other):
        first, second = result(folder, 0), result(folder, 1)
        assert same(first["weights"], second["weights"])  # masks and scores too are the same in all processes
        assert same(first["states"], second["states"])
    whole, parts = result(one), result(other)
    assert same(whole["weights"], parts["weights"])
    assert same({step: whole["states"][step] for step in range(6, 13)}, parts["states"])
    assert parts["states"][8][0]["scores"] and parts["states"][12][0]["masks"]
    model, info = AutoModelForSequenceClassification.from_pretrained(other / "checkpoint-10", output_loading_info=True)
    assert not any(info.values()) and is_pruned(model)
