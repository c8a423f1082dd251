import gc
import logging
import subprocess
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from pruning_trainer import Keep, Sentences, arguments, config_of, run_job, same, trainer_of
from tiny import offline_environment, tiny_model
from torch.utils.data import IterableDataset
from transformers import (
    AutoModelForSequenceClassification,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    Trainer,
    TrainerCallback,
)
from transformers.integrations import TensorBoardCallback, integration_utils

from inc_hf.callbacks.pruning import STATE, PruningCallback
from inc_hf.config import WeightPruningConfig
from inc_hf.prune import report_sparsity

FREE_OF_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


@pytest.fixture(autouse=True)
def quick_collections():
    """Every start of a Trainer collects garbage; let it look at the objects of the test only."""
    gc.freeze()
    yield
    gc.unfreeze()


class OwnTrainer(Trainer):
    """A subclass with a loss of its own."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        loss = torch.nn.functional.cross_entropy(outputs.logits, labels, label_smoothing=0.1)
        return (loss, outputs) if return_outputs else loss


class Recorder(TrainerCallback):
    def __init__(self):
        self.logs = []

    def on_log(self, args, state, control, logs=None, **kwargs):
        self.logs.append(dict(logs))


class StopAt(TrainerCallback):
    """Raises in the middle of a step."""

    def __init__(self, step, error):
        self.step, self.error = step, error

    def on_pre_optimizer_step(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise self.error


def pruned_layers(model):
    """Names and sparsity in per cent of what is not all dense."""
    table, _ = report_sparsity(model)
    return {row[0]: row[4] for row in table.itertuples(index=False) if row[4] > 0}


def is_pruned(model, blocks=True):
    """Whether half of the layers' weights are zero, but none of the head's, in blocks of 4x1."""
    layers = {n: m.weight for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and n != "classifier"}
    zeros = sum(int((w == 0).sum()) for w in layers.values())
    in_blocks = sum(4 * int((w == 0).unflatten(0, (-1, 4)).all(1).sum()) for w in layers.values())
    total = sum(w.numel() for w in layers.values())
    return zeros == total // 2 and (in_blocks == zeros or not blocks) and "classifier" not in pruned_layers(model)


def weights_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("how", ["constructor", "add_callback"])
@pytest.mark.parametrize("cls", [Trainer, OwnTrainer])
def test_a_trainer_prunes(cls, how, tmp_path, caplog):
    trainer, _ = trainer_of(tmp_path, cls=cls, how=how)
    trainer.train()
    assert is_pruned(trainer.model)
    assert "`classifier` is the model's head and stays dense" in caplog.text
    assert STATE not in trainer.optimizer.state


def test_sequences_to_sequences(tmp_path):
    model = tiny_model("t5", decoder_start_token_id=0)
    trainer, _ = trainer_of(
        tmp_path, model=model, cls=Seq2SeqTrainer, make_args=Seq2SeqTrainingArguments,
        train_dataset=Sentences(seq2seq=True), eval_dataset=Sentences(8, seq2seq=True), predict_with_generate=True,
        config=config_of(pattern="2:4"), eval_strategy="steps", eval_steps=6,
    )  # fmt: skip
    trainer.train()
    assert "lm_head" not in pruned_layers(trainer.model)
    assert set(pruned_layers(trainer.model).values()) == {50.0}


@pytest.mark.parametrize("name", ["distilbert", "gpt2", "opt", "bart", "albert", "vit"])
def test_other_architectures(name, tmp_path):
    model = tiny_model(name)
    if name == "vit":
        rows = [{"pixel_values": torch.randn(3, 16, 16), "labels": i % 2} for i in range(8)]
    else:
        rows = [Sentences(8, seq2seq=name in ("gpt2", "opt", "bart"))[i] for i in range(8)]
    trainer, callback = trainer_of(
        tmp_path, model=model, train_dataset=rows, config=config_of(end_step=4), max_steps=5
    )
    trainer.train()
    (pruner,) = callback.pruners
    assert pruner.sparsity() == pytest.approx(0.5, abs=0.01)
    assert set(pruned_layers(model)) <= {target.name for target in pruner.targets}


@pytest.mark.parametrize("local", [{"pruning_type": kind} for kind in ("magnitude", "gradient", "snip", "block_mask")]
    + [{"pruning_type": f"{kind}_progressive", "end_step": 10} for kind in ("magnitude", "gradient", "snip")]
    + [{"pruning_type": "snip_momentum_progressive", "end_step": -1, "low_memory_usage": True}]
    + [{"pattern": "1xchannel"}, {"pattern": "1x1", "pruning_scope": "local"}, {"reg_type": "group_lasso"}],
    ids=lambda local: "-".join(map(str, local.values())))  # fmt: skip
def test_settings(local, tmp_path):
    trainer, callback = trainer_of(tmp_path, config=config_of(pruning_configs=[local]))
    trainer.train()
    (pruner,) = callback.pruners
    assert pruner.sparsity() == pytest.approx(0.5, abs=0.01)
    for part in pruner.parts():
        gone = ~part.expand(pruner.masks[part.name])
        assert gone.any() or part.module.weight.numel() == 256
        assert (part.module.weight[gone] == 0).all()


def test_attention_heads(tmp_path):
    trainer, _ = trainer_of(tmp_path, config=config_of(pattern="mha"))
    trainer.train()
    assert len(pruned_layers(trainer.model)) == 4
    assert set(pruned_layers(trainer.model).values()) == {50.0}


def test_several_configs(tmp_path):
    locals_ = [{"op_names": ["attention"], "pattern": "2:4"}, {"op_names": ["pooler"], "target_sparsity": 0.25}]
    trainer, _ = trainer_of(tmp_path, config=config_of(pruning_configs=locals_))
    trainer.train()
    sparsity = pruned_layers(trainer.model)
    assert sparsity.pop("bert.pooler.dense") == 25
    assert len(sparsity) == 4 and set(sparsity.values()) == {50}


def masks_after(folder, plain_loss=True, **values):
    """Masks at the end of every step."""
    model = tiny_model("bert", **FREE_OF_DROPOUT)
    if plain_loss:  # otherwise that of BERT grows with the number of accumulated batches
        model.accepts_loss_kwargs = False
    trainer, callback = trainer_of(folder, model=model, **values)
    keep = Keep(callback)
    trainer.add_callback(keep)
    trainer.train()
    return {step: state[0]["masks"] for step, state in keep.states.items()}


def test_accumulated_batches_give_the_masks_of_one(tmp_path):
    one = masks_after(tmp_path, per_device_train_batch_size=8)
    four = masks_after(tmp_path, per_device_train_batch_size=2, gradient_accumulation_steps=4)
    assert len(one) == 12 and one[12] and same(one, four)


def test_scores_do_not_mind_how_large_the_loss_is(tmp_path):
    """That of a stock BERT grows with the number of accumulated batches, and clipping would make a difference."""
    one = masks_after(tmp_path, False, per_device_train_batch_size=8, max_grad_norm=0)
    four = masks_after(tmp_path, False, per_device_train_batch_size=2, gradient_accumulation_steps=4, max_grad_norm=0)
    assert same(one, four)


REALITY = {
    "clipping": {"max_grad_norm": 0.1},
    "no clipping": {"max_grad_norm": 0.0},
    "bf16": {"bf16": True},
    "checkpointing": {"activation_checkpointing": True},
    "last partial window": {"gradient_accumulation_steps": 3, "num_train_epochs": 4, "max_steps": -1},
}


@pytest.mark.parametrize("values", REALITY.values(), ids=REALITY)
def test_reality(values, tmp_path):
    trainer, _ = trainer_of(tmp_path, **values)
    trainer.train()
    assert is_pruned(trainer.model)


def test_recomputed_activations_change_no_mask(tmp_path):
    assert same(masks_after(tmp_path), masks_after(tmp_path, activation_checkpointing=True))


def test_compiled(tmp_path):
    torch.compiler.reset()
    plain = masks_after(tmp_path)
    assert same(plain, masks_after(tmp_path, torch_compile=True, torch_compile_backend="aot_eager"))


def test_a_batch_that_is_left_over_opens_a_step_twice(tmp_path):
    class Stream(IterableDataset):
        def __iter__(self):
            return iter([Sentences()[i] for i in range(20)])  # 5 batches: 2 windows of 2, and 1 left over

    trainer, _ = trainer_of(tmp_path, train_dataset=Stream(), gradient_accumulation_steps=2)
    trainer.train()
    assert trainer.state.global_step == 12 and is_pruned(trainer.model)


# Logs


def test_the_logs_tell_the_sparsity(tmp_path, capsys):
    first = Recorder()
    trainer, _ = trainer_of(tmp_path, before=[first])
    last = Recorder()
    trainer.add_callback(last)
    trainer.train()
    history = [row["pruning/sparsity"] for row in trainer.state.log_history if "loss" in row]
    assert history == sorted(history) and history[0] == 0 and history[-1] == pytest.approx(0.493, abs=0.001)
    for recorder in (first, last):
        assert [row["pruning/sparsity"] for row in recorder.logs if "loss" in row] == history
    assert "'pruning/sparsity': '0.4932'" in capsys.readouterr().out  # of the PrinterCallback
    _, total = report_sparsity(trainer.model)
    assert history[-1] == pytest.approx(total / 100, abs=1e-6)


def test_the_progress_bar_tells_it(tmp_path, capsys):
    trainer, _ = trainer_of(tmp_path, disable_tqdm=False)
    trainer.train()
    assert "'pruning/sparsity': '0.4932'" in "".join(capsys.readouterr())


def test_tensorboard_tells_it(tmp_path, monkeypatch):
    class Writer:
        scalars = {}

        def add_scalar(self, name, value, step):
            self.scalars[name, step] = value

        def __getattr__(self, name):
            return lambda *args, **kwargs: None

    monkeypatch.setattr(integration_utils, "is_tensorboard_available", lambda: True)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=None))
    trainer, _ = trainer_of(tmp_path, before=[TensorBoardCallback(Writer())])
    trainer.train()
    assert Writer.scalars["train/pruning/sparsity", 12] == pytest.approx(0.4932, abs=1e-3)


def test_a_subclass_is_logged_as_well(tmp_path):
    class Own(PruningCallback):
        def on_train_begin(self, *args, **kwargs):
            super().on_train_begin(*args, **kwargs)

    first = Recorder()
    trainer, callback = trainer_of(tmp_path, before=[first])
    trainer.remove_callback(callback)
    trainer.add_callback(Own(config_of()))
    trainer.train()
    assert all("pruning/sparsity" in row for row in first.logs if "loss" in row)


def test_called_by_another_callback(tmp_path):
    """As when nobody's list has it in it."""

    class Outer(TrainerCallback):
        inner = PruningCallback(config_of())

        def __getattribute__(self, name):
            return getattr(Outer.inner, name) if name.startswith("on_") else super().__getattribute__(name)

    trainer, callback = trainer_of(tmp_path)
    trainer.remove_callback(callback)
    trainer.add_callback(Outer())
    trainer.train()
    assert is_pruned(trainer.model)


# The best model


@pytest.mark.parametrize("local", [{}, {"pruning_type": "snip_momentum_progressive", "pruning_frequency": 3}])
@pytest.mark.parametrize("limit", [None, 1])
def test_a_dense_model_is_not_the_best(local, limit, tmp_path):
    """The metric gets worse with every evaluation: among sparse models, the first is the best."""
    trainer, callback = trainer_of(
        tmp_path, config=config_of(pruning_configs=[local]), eval_dataset=Sentences(4), eval_strategy="steps",
        eval_steps=1, save_strategy="steps", save_steps=1, load_best_model_at_end=True, save_total_limit=limit,
        metric_for_best_model="worse", greater_is_better=True,
    )  # fmt: skip
    trainer.compute_metrics = lambda _: {"worse": -trainer.state.global_step}
    trainer.train()
    done = callback.pruners[0].last_change + 1
    assert done == (9 if not local else 11)
    assert trainer.state.best_global_step == done
    assert trainer.state.best_model_checkpoint.endswith(f"checkpoint-{done}")
    assert is_pruned(trainer.model)
    assert is_pruned(AutoModelForSequenceClassification.from_pretrained(trainer.state.best_model_checkpoint))


def test_resumed_after_the_last_update_the_best_is_still_known(tmp_path):
    values = {"eval_dataset": Sentences(4), "eval_strategy": "steps", "eval_steps": 5, "save_strategy": "steps"}
    values |= {"save_steps": 5, "load_best_model_at_end": True, "metric_for_best_model": "worse", "max_steps": 20}
    for resume in (None, str(tmp_path / "checkpoint-15")):
        trainer, _ = trainer_of(tmp_path, greater_is_better=True, **values)
        trainer.compute_metrics = lambda _, trainer=trainer: {"worse": -trainer.state.global_step}
        trainer.train(resume_from_checkpoint=resume)
        assert trainer.state.best_global_step == 10


# Resuming


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


@pytest.mark.slow
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


# Where runs begin and end


def test_trained_twice_by_the_same_trainer(tmp_path):
    trainer, _ = trainer_of(tmp_path)
    trainer.train()
    trainer.train()
    assert is_pruned(trainer.model)


def test_model_init(tmp_path):
    trainer, callback = trainer_of(tmp_path, model_init=lambda: tiny_model("bert"))
    trainer.train()
    first = trainer.model
    trainer.train()
    assert trainer.model is not first and is_pruned(trainer.model)
    assert callback.pruners[0].targets[0].parts[0].module in set(trainer.model.modules())


def test_a_smaller_batch_after_running_out_of_memory(tmp_path):
    class Full(TrainerCallback):
        begun = 0

        def on_train_begin(self, args, state, control, **kwargs):
            self.begun += 1

        def on_pre_optimizer_step(self, args, state, control, **kwargs):
            if self.begun == 1 and state.global_step == 6:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    full = Full()
    trainer, callback = trainer_of(tmp_path, before=[full], auto_find_batch_size=True)
    trainer.train()
    assert full.begun == 2 and is_pruned(trainer.model)
    assert callback.pruners[0].schedule.last_step == 8


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("anything")], ids=["interrupt", "error"])
@pytest.mark.parametrize("keep_trainer", [True, False])
def test_after_an_error_a_new_trainer_begins_anew(error, keep_trainer, tmp_path):
    model = tiny_model("bert")
    trainer, callback = trainer_of(tmp_path, model=model, before=[StopAt(6, error)])
    with pytest.raises(type(error)):
        trainer.train()
    if not keep_trainer:
        del trainer
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.modules())
    model.load_state_dict(tiny_model("bert").state_dict())
    again, _ = trainer_of(tmp_path, model=model)
    again.train()
    fresh, _ = trainer_of(tmp_path)
    fresh.train()
    assert is_pruned(model) and same(weights_of(model), weights_of(fresh.model))


def test_after_an_error_the_same_trainer_begins_anew(tmp_path):
    stop = StopAt(6, RuntimeError("anything"))
    trainer, _ = trainer_of(tmp_path, before=[stop])
    with pytest.raises(RuntimeError, match="anything"):
        trainer.train()
    stop.step = None
    trainer.train()
    assert is_pruned(trainer.model)


def test_nothing_keeps_a_model_alive(tmp_path):
    model = tiny_model("bert")
    trainer, callback = trainer_of(tmp_path, model=model, before=[StopAt(6, RuntimeError())])
    with pytest.raises(RuntimeError):
        trainer.train()
    alive = weakref.ref(model)
    del model, trainer, callback
    gc.collect()
    assert alive() is None


def test_stopped_early(tmp_path, caplog):
    class Stop(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            control.should_training_stop = state.global_step == 5

    trainer, _ = trainer_of(tmp_path, before=[Stop()])
    trainer.train()
    assert "Training ended before the last update of the masks" in caplog.text


# What is refused, before the first step


def refused(folder, match, **values):
    trainer, callback = trainer_of(folder, **values)
    before = weights_of(trainer.model)
    with pytest.raises(ValueError, match=match):
        trainer.train()
    assert trainer.state.global_step == 0 and same(before, weights_of(trainer.model))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"op_names": ["no_such"]}, "`op_names` 'no_such' matches no layer"),
        ({"end_step": 13}, "training has 12 optimizer steps"),
        ({"end_step": 0, "start_step": 0}, "needs gradients, but the first update is at step 0"),
        ({"pattern": "5x1"}, "No layer can be pruned with the pattern '5x1'"),
        ({"pruning_type": "wanda"}, "'wanda' is not for training; choose one of magnitude"),
        ({"pruning_configs": [{"op_names": ["query"]}, {}]}, "is in `pruning_configs` 0 and 1"),
        ({"pattern": "2:4", "pruning_configs": [{"reg_type": "group_lasso"}]}, "needs blocks"),
    ],
)
def test_configs_that_do_not_fit(settings, match, tmp_path):
    refused(tmp_path, match, config=config_of(**settings))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"target_sparsity": 1.0}, "`target_sparsity` must be .*1"),
        ({"target_sparsity": -0.1}, "`target_sparsity` must be"),
        ({"pattern": "2:4", "target_sparsity": 0.6}, "must be at most 0.5 with the pattern '2:4'"),
        ({"pattern": "4y1"}, "must be NxM, N:M, channelxK, Kxchannel or mha"),
        ({"pruning_type": "snap"}, "snip_momentum.*pattern_lock"),
        ({"pruning_scope": "all"}, "global.*local"),
        ({"sparsity_decay_type": "square"}, "exp.*cubic"),
        ({"pruning_configs": [{"criterion_reduce_type": "median"}]}, "mean.*sum.*max"),
    ],
)
def test_configs_that_cannot_be(settings, match):
    with pytest.raises(ValueError, match=match):
        config_of(**settings)


def test_what_is_no_config():
    with pytest.raises(TypeError, match="must be a WeightPruningConfig, got dict"):
        PruningCallback({"target_sparsity": 0.5})
    assert PruningCallback().config == WeightPruningConfig()
    assert "target_sparsity=0.5" in repr(PruningCallback(config_of()))


@pytest.mark.parametrize("same_object", [True, False])
def test_added_twice(same_object, tmp_path):
    trainer, callback = trainer_of(tmp_path)
    trainer.add_callback(callback if same_object else PruningCallback(config_of()))
    with pytest.raises(ValueError, match="added twice, or two prune the same model; add one"):
        trainer.train()
    assert trainer.state.global_step == 0
    trainer.remove_callback(PruningCallback)  # the first of them
    trainer.train()
    assert is_pruned(trainer.model)


@pytest.mark.parametrize("name", ["fsdp", "deepspeed"])
@pytest.mark.parametrize("by", ["argument", "launcher"])
def test_weights_in_pieces_are_refused(name, by, tmp_path, monkeypatch):
    trainer, _ = trainer_of(tmp_path)
    if by == "argument":
        monkeypatch.setattr(trainer.args, name, True)
    else:
        monkeypatch.setenv(f"ACCELERATE_USE_{name.upper()}", "true")
        monkeypatch.setattr(trainer, "create_accelerator_and_postprocess", lambda: None)
    with pytest.raises(ValueError, match=f"PruningCallback needs whole weights in every process, and `{name}` splits"):
        trainer.train()


def test_info_tells_what_is_pruned(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="inc_hf")
    trainer_of(tmp_path)[0].train()
    assert "Pruning 7 layers: Schedule(start=2, end=8" in caplog.text
    assert "Pruned: 49.32% of the Linear and Conv weights are zero." in caplog.text


def test_the_arguments_of_these_tests_write_nothing(tmp_path):
    assert arguments(tmp_path)["report_to"] == []
