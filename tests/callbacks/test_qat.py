"""Quantization-aware training in the Trainer: alone, with pruning and distillation, resumed, in its other settings."""

import copy

import pytest
import torch
from distilling import kd
from pruning_trainer import LAYERS, Sentences, StopAt, arguments, config_of, weights_of
from tiny import logits_of, tiny_model
from transformers import AutoModelForSequenceClassification, Trainer, TrainerCallback, TrainingArguments

from inc_hf import IncModelForSequenceClassification, ops
from inc_hf.callbacks import DistillationCallback, PruningCallback, QuantizationAwareTrainingCallback
from inc_hf.callbacks.qat import STATE
from inc_hf.config import DistillationConfig, QuantizationAwareTrainingConfig
from inc_hf.quantize.nn import quantized_modules
from inc_hf.quantize.qat import qat_modules

FOUR_BITS = QuantizationAwareTrainingConfig(op_type_dict={"Linear": {"weight": {"bits": 4}}})
STATIC = {"approach": "static"}


def trainer_of(folder, *callbacks, model=None, how="constructor", **values):
    trainer = Trainer(
        tiny_model("bert") if model is None else model,
        TrainingArguments(**arguments(folder, **values)),
        train_dataset=Sentences(),
        eval_dataset=Sentences(8),
        callbacks=list(callbacks) if how == "constructor" else None,
    )
    for callback in callbacks if how == "add_callback" else ():
        trainer.add_callback(callback)
    return trainer


def qat(config=None, **values):
    return QuantizationAwareTrainingCallback(config, **values)


@pytest.mark.parametrize("values", [{}, STATIC, {"config": FOUR_BITS}], ids=["dynamic", "static", "4 bits"])
@pytest.mark.parametrize("how", ["constructor", "add_callback"])
def test_trained_saved_and_loaded(values, how, tmp_path, caplog):
    trainer = trainer_of(tmp_path / "run", qat(**values), how=how)
    trainer.train()
    bits = "4-bit weights in 8 layers, 8-bit in 3" if "config" in values else "8-bit weights in 11 layers"
    assert ops.default_weight_bits() < 8 or f"({bits}; activations {values.get('approach', 'dynamic')})" in caplog.text
    assert quantized_modules(trainer.model) and not qat_modules(trainer.model)
    expected = trainer.evaluate()["eval_loss"]
    trainer.save_model(str(tmp_path / "out"))
    model = IncModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert torch.equal(logits_of(model), logits_of(trainer.model.eval()))
    assert trainer_of(tmp_path, model=model).evaluate()["eval_loss"] == pytest.approx(expected, rel=1e-6)
    assert STATE not in trainer.optimizer.state


def test_training_is_what_makes_4_bits_work(tmp_path):
    """The loss on the training set, of weights rounded afterwards and of weights that were trained to be rounded."""
    values = {"max_steps": 60, "learning_rate": 3e-3, "lr_scheduler_type": "constant"}
    dense = trainer_of(tmp_path, **values)
    dense.train()
    losses = []
    for steps in (1, 60):
        trainer = trainer_of(
            tmp_path, qat(FOUR_BITS), model=copy.deepcopy(dense.model), **{**values, "max_steps": steps}
        )
        trainer.train()
        losses.append(trainer.evaluate(Sentences())["eval_loss"])
    assert losses[1] < 0.9 * losses[0]


@pytest.mark.parametrize("steps", [4, 12])
def test_every_checkpoint_is_one_of_the_plain_model(steps, tmp_path):
    trainer_of(tmp_path, qat(), save_strategy="steps", save_steps=steps).train()
    for folder in tmp_path.glob("checkpoint-*"):
        model, info = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
        assert not any(info.values()) and not quantized_modules(model)


@pytest.mark.parametrize("how", ["constructor", "add_callback"])
@pytest.mark.parametrize("values", [{}, STATIC], ids=["dynamic", "static"])
def test_resumed_to_the_same_bits(values, how, tmp_path):
    results = []
    for resume in (None, str(tmp_path / "checkpoint-5")):
        trainer = trainer_of(tmp_path, qat(freeze_step=8, **values), how=how, save_strategy="steps", save_steps=5)
        trainer.train(resume_from_checkpoint=resume)
        results.append(weights_of(trainer.model))
    assert results[0].keys() == results[1].keys()
    assert all(torch.equal(tensor, results[1][name]) for name, tensor in results[0].items())


def test_a_checkpoint_without_ranges_cannot_be_resumed(tmp_path):
    """Neither one without the state of the optimizer nor one of a run without QAT; dynamic runs need no ranges."""
    trainer_of(tmp_path / "model", qat(**STATIC), save_strategy="steps", save_steps=5, save_only_model=True).train()
    trainer_of(tmp_path / "plain", save_strategy="steps", save_steps=5).train()
    for folder in ("model", "plain"):
        trainer = trainer_of(tmp_path, qat(**STATIC))
        with pytest.raises(ValueError, match="`save_only_model`.* ranges .* are lost; start training anew"):
            trainer.train(resume_from_checkpoint=str(tmp_path / folder / "checkpoint-5"))
        assert not qat_modules(trainer.model)
        trainer_of(tmp_path, qat()).train(resume_from_checkpoint=str(tmp_path / folder / "checkpoint-5"))


def test_a_range_of_a_layer_that_is_not_static_now(tmp_path):
    trainer_of(tmp_path, qat(**STATIC), save_strategy="steps", save_steps=5).train()
    with pytest.raises(ValueError, match="has a range of activations of `.*`, which is not quantized statically now"):
        trainer_of(tmp_path, qat()).train(resume_from_checkpoint=str(tmp_path / "checkpoint-5"))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_pruned_distilled_and_quantized_in_one_run(order, tmp_path):
    pruning = PruningCallback(config_of(op_names=[LAYERS]))
    distillation = DistillationCallback(DistillationConfig(tiny_model("bert", num_hidden_layers=2), kd()))
    callbacks = [pruning, distillation, qat()]
    trainer = trainer_of(tmp_path, *(callbacks[i] for i in order))
    trainer.train()
    logged = [row for row in trainer.state.log_history if "loss" in row]
    assert all("pruning/sparsity" in row and "distillation/loss" in row for row in logged)
    zeros = total = 0
    for part in pruning.pruners[0].parts():
        codes = trainer.model.get_submodule(part.name).codes
        assert (codes[part.module.weight == 0] == 0).all()
        zeros, total = zeros + int((codes == 0).unflatten(0, (-1, 4)).all(1).sum()) * 4, total + codes.numel()
    assert zeros >= total // 2


@pytest.mark.parametrize(
    "values",
    [
        {"gradient_accumulation_steps": 2},
        {"bf16": True},
        {"activation_checkpointing": True},
        pytest.param(
            {"torch_compile": True, "torch_compile_backend": "aot_eager"},
            marks=pytest.mark.slow("inc_hf/callbacks", "inc_hf/quantize", "inc_hf/ops"),
        ),
        {
            "load_best_model_at_end": True,
            "eval_strategy": "steps",
            "save_strategy": "steps",
            "save_steps": 4,
            "eval_steps": 4,
        },
    ],
    ids=["accumulation", "bf16", "checkpointing", "compile", "best"],
)
@pytest.mark.parametrize("approach", ["dynamic", "static"])
def test_settings_of_the_trainer(values, approach, tmp_path):
    if "torch_compile" in values and approach == "dynamic":
        pytest.skip("static compiles the same modules, and ranges that move")
    trainer = trainer_of(tmp_path, qat(approach=approach), **values)
    trainer.train()
    assert quantized_modules(trainer.model)
    assert trainer.evaluate()["eval_loss"] < 5


def test_ranges_stop_at_freeze_step(tmp_path):
    callback = qat(approach="static", freeze_step=0.5)
    trainer = trainer_of(tmp_path, callback)
    seen = []

    class Watch(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            seen.append([(r.low, r.high) for r in callback.ranges.values()])

    trainer.add_callback(Watch())
    trainer.train()
    assert seen[4] != seen[5] and all(later == seen[5] for later in seen[6:])


class Best(TrainerCallback):
    """Makes the first checkpoint the best one, and keeps the ranges of each."""

    def __init__(self, callback):
        self.callback, self.ranges = callback, []

    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        metrics["eval_loss"] = float(state.global_step)

    def on_step_end(self, args, state, control, **kwargs):
        self.ranges.append({name: (seen.low, seen.high) for name, seen in self.callback.ranges.items()})


@pytest.mark.parametrize("only_model", [False, True])
def test_the_best_weights_get_their_own_ranges(only_model, tmp_path, caplog):
    callback = qat(approach="static")
    best = Best(callback)
    saving = {"eval_strategy": "steps", "save_strategy": "steps", "eval_steps": 4, "save_steps": 4}
    trainer = trainer_of(
        tmp_path, callback, best, load_best_model_at_end=True, save_only_model=only_model, learning_rate=0.1, **saving
    )
    trainer.train()
    assert trainer.state.best_model_checkpoint.endswith("checkpoint-4")
    ended = {name: (seen.low, seen.high) for name, seen in callback.ranges.items()}
    assert best.ranges[3] != best.ranges[-1]
    assert ended == best.ranges[-1 if only_model else 3]
    assert ("has no optimizer.pt: its weights get the ranges of the last step" in caplog.text) == only_model


@pytest.mark.parametrize("approach", ["dynamic", "static"])
def test_a_finished_run_that_is_resumed(approach, tmp_path):
    """It makes no step, and saves the same model as before."""
    saved = []
    for resume in (False, True):
        trainer = trainer_of(tmp_path / "run", qat(approach=approach), save_strategy="steps", save_steps=12)
        trainer.train(resume_from_checkpoint=resume)
        trainer.save_model(tmp_path / str(resume))
        loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / str(resume))
        saved.append((logits_of(loaded), loaded.config.quantization_config.to_dict()))
    assert torch.equal(saved[0][0], saved[1][0])
    assert saved[0][1] == saved[1][1]


def test_a_run_after_one_that_was_interrupted(tmp_path):
    model = tiny_model("bert")
    trainer = trainer_of(tmp_path, qat(), StopAt(3, KeyboardInterrupt), model=model)
    with pytest.raises(KeyboardInterrupt):
        trainer.train()
    trainer_of(tmp_path, qat(), model=model).train()
    assert quantized_modules(model)


def test_errors(tmp_path):
    with pytest.raises(TypeError, match="must be a QuantizationAwareTrainingConfig, got dict"):
        QuantizationAwareTrainingCallback({})
    with pytest.raises(ValueError, match="`approach` must be one of dynamic, static, got 'qat'"):
        qat(approach="qat")
    with pytest.raises(ValueError, match="`freeze_step` must be a step or a share of the run above 0, got 0"):
        qat(freeze_step=0)
    with pytest.raises(ValueError, match="two QuantizationAwareTrainingCallbacks, or one that was added twice"):
        trainer_of(tmp_path, qat(), qat()).train()
    with pytest.raises(ValueError, match="matches no module that can be quantized"):
        config = QuantizationAwareTrainingConfig(op_name_dict={"nothing": {"weight": {"bits": 4}}})
        trainer_of(tmp_path, qat(config)).train()
    trainer = trainer_of(tmp_path, qat())
    trainer.train()
    with pytest.raises(ValueError, match="already quantized|refuse|cannot"):
        trainer.train()
