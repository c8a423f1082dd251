"""Distillation among the other settings of the Trainer, and in subclasses of it."""

import copy

import pytest
import torch
from distilling import (
    LOGGED,
    Sentences,
    arguments,
    callback,
    close,
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
from tiny import tiny_model
from torch import nn
from transformers import DataCollatorWithFlattening, Trainer, TrainerCallback, TrainerState

from inc_hf.callbacks import DistillationCallback, PruningCallback
from inc_hf.callbacks.distillation import STATE
from inc_hf.config import DistillationConfig, WeightPruningConfig

COMPILED = {"torch_compile": True, "torch_compile_backend": "aot_eager"}


@pytest.mark.parametrize(
    "values, tolerance",
    [
        ({"bf16": True}, 2e-2),
        ({"activation_checkpointing": True}, 1e-5),
        (COMPILED, 1e-5),
        ({"max_grad_norm": 1e9}, None),
    ],
    ids=["bf16", "checkpointing", "compile", "clipping"],
)
def test_settings_of_the_trainer(tmp_path, values, tolerance):
    model = student(num_hidden_layers=2)
    expected = history(train(tmp_path, model=copy.deepcopy(model)), *LOGGED)
    found = history(train(tmp_path, model=model, **values), *LOGGED)
    if tolerance is None:  # Clipped at 1.0 by default
        assert (expected[:, 1] > 1).any() and not torch.equal(found, expected)
        close(found[0], expected[0])
    else:
        close(found, expected, tolerance)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))

    def forward(self, x):
        return {"logits": self.body(x)}


def test_code_compiled_before_calls_the_hooks(tmp_path):
    model, guide, x = Net(), Net(), torch.randn(3, 4)
    compiled = torch.compile(model, backend="aot_eager")
    compiled(x)
    expected = (model.body[0](x) - guide.body[0](x)).square().mean()
    distillation = callback(guide, layers([["body.0", "body.0"]]))
    optimizer = torch.optim.SGD(model.parameters())
    for _ in range(2):
        distillation.on_train_begin(arguments(tmp_path, **COMPILED), TrainerState(), None, model, optimizer)
        close(compiled(x)["loss"], expected)
        distillation.on_train_end(None, TrainerState(), None, optimizer=optimizer)
        assert "loss" not in compiled(x)


@pytest.mark.parametrize("first", [DistillationCallback, PruningCallback])
def test_with_pruning_in_any_order(tmp_path, first):
    pruning = PruningCallback(WeightPruningConfig(target_sparsity=0.5, end_step=2, excluded_op_names=["classifier"]))
    pair = sorted([callback(), pruning], key=lambda item: not isinstance(item, first))
    model = student()
    found = train(tmp_path, pair, model)
    values = history(found, *LOGGED, "pruning/sparsity")
    assert (values[:, 2] > 0).all() and values[-1, -1] > 0.3
    other = PruningCallback(WeightPruningConfig(target_sparsity=0.5, end_step=2, excluded_op_names=["classifier"]))
    trainer = make_trainer(tmp_path, student(), [])
    trainer.add_callback(other)
    trainer.add_callback(callback())
    trainer.train()
    assert torch.equal(weights(trainer.model), weights(model))


def test_constructor_and_add_callback_are_equal(tmp_path):
    trainer = make_trainer(tmp_path, student(), [])
    trainer.add_callback(callback())
    trainer.train()
    assert torch.equal(history(trainer, *LOGGED), history(train(tmp_path), *LOGGED))


def test_logs_reach_the_reporters_before_us(tmp_path):
    class Reporter(TrainerCallback):
        def __init__(self):
            self.logs = []

        def on_log(self, args, state, control, logs=None, **kwargs):
            self.logs.append(dict(logs))

    reporter, distillation = Reporter(), callback()
    trainer = make_trainer(tmp_path, student(), [reporter], logging_steps=2)
    trainer.add_callback(distillation)
    trainer.train()
    rows = [row for row in reporter.logs if "loss" in row]
    assert len(rows) == 2
    for row, kept in zip(rows, [row for row in trainer.state.log_history if "loss" in row], strict=True):
        assert row["distillation/loss"] == kept["distillation/loss"] > 0
        assert row["loss"] == pytest.approx(
            0.5 * row["distillation/student_loss"] + row["distillation/loss"], rel=1e-4
        )
    assert "distillation/loss" not in reporter.logs[-1]  # of the whole training


def test_evaluation_is_that_of_the_model(tmp_path):
    trainer = train(tmp_path, eval_dataset=Sentences(8), eval_strategy="steps", eval_steps=4)
    (inside,) = [row["eval_loss"] for row in trainer.state.log_history if "eval_loss" in row]
    assert inside == pytest.approx(trainer.evaluate()["eval_loss"], rel=1e-6)
    assert not any("distillation/loss" in row for row in trainer.state.log_history if "eval_loss" in row)


def test_best_model_and_checkpoints_are_plain(tmp_path):
    model, guide = student(), teacher()
    trainer = train(
        tmp_path,
        [callback(guide)],
        model,
        eval_dataset=Sentences(8),
        eval_strategy="steps",
        eval_steps=1,
        save_strategy="steps",
        save_steps=1,
        load_best_model_at_end=True,
        metric_for_best_model="loss",
    )
    best = type(model).from_pretrained(trainer.state.best_model_checkpoint)
    assert torch.equal(weights(best), weights(model))
    assert not has_hooks(model, guide)
    assert STATE not in trainer.optimizer.state


class TwoForwards(Trainer):
    """Calls the model twice per batch, as R-Drop does."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        losses = [super(TwoForwards, self).compute_loss(model, dict(inputs), False, num_items_in_batch) for _ in "ab"]
        return sum(losses) / 2


class MeanPerBatch(Trainer):
    """Cures transformers#47688 by itself."""

    loss_is_scaled_for_ga = False


@pytest.mark.parametrize("cls", [TwoForwards, MeanPerBatch])
@pytest.mark.parametrize("accumulation", [1, 4])
def test_subclasses(tmp_path, cls, accumulation):
    found = train(tmp_path, cls=cls, accumulation=accumulation)
    close(history(found, *LOGGED), history(train(tmp_path), *LOGGED), 2e-5)


def test_the_teacher_tells_packed_texts_apart_as_the_student_does(tmp_path):
    model = tiny_model("llama")
    rows = [{"input_ids": list(range(5 + i, 11 + i)), "labels": list(range(5 + i, 11 + i))} for i in range(32)]
    callback = DistillationCallback(DistillationConfig(copy.deepcopy(model), kd(weights=(0.0, 1.0))))
    trainer = make_trainer(tmp_path, model, [callback], rows, data_collator=DataCollatorWithFlattening())
    trainer.train()
    assert history(trainer, "distillation/loss")[0].item() == pytest.approx(0, abs=1e-6)
