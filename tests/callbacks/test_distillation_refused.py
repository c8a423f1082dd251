"""Distillation that is refused."""

import pytest
import torch
from distilling import callback, has_hooks, kd, layers, make_trainer, student, teacher, train, weights
from tiny import tiny_model
from torch import nn
from transformers import Trainer

import inc_hf
from inc_hf.callbacks import DistillationCallback
from inc_hf.config import DistillationConfig

SHARDED = {"fsdp": ["full_shard"], "deepspeed": "ds.json"}


class OwnLoss(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        return nn.functional.cross_entropy(model(**inputs).logits, inputs["labels"])


class NoCall(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        inputs.pop("labels")
        return model.classifier(model.bert(**inputs).pooler_output).sum()


@pytest.mark.parametrize("accumulation", [1, 4])
@pytest.mark.parametrize(
    "cls, text", [(OwnLoss, "in it. An own"), (NoCall, "it did not call the model itself. An own")]
)
def test_own_loss_of_a_subclass(tmp_path, cls, text, accumulation):
    model = student()
    before = weights(model).clone()
    with pytest.raises(ValueError, match=f"did not train the loss that the model returns, which has .*{text}"):
        train(tmp_path, model=model, cls=cls, accumulation=accumulation)
    assert torch.equal(weights(model), before)


def compute_loss_func(outputs, labels, num_items_in_batch=None):
    return outputs["logits"].sum()


@pytest.mark.parametrize(
    "values, text",
    [
        ({"label_smoothing_factor": 0.1}, "does not work with `label_smoothing_factor=0.1`.*Set it to 0"),
        ({"compute_loss_func": compute_loss_func}, "does not work with `compute_loss_func`.*Leave it out"),
    ],
    ids=["smoothing", "function"],
)
def test_losses_outside_the_model(tmp_path, values, text):
    model = student()
    with pytest.raises(ValueError, match=text):
        train(tmp_path, model=model, **values)
    assert not has_hooks(model)


@pytest.mark.parametrize("name", SHARDED)
def test_sharding(tmp_path, name):
    trainer = make_trainer(tmp_path, student(), [])
    setattr(trainer.args, name, SHARDED[name])
    with pytest.raises(ValueError, match=f"DistillationCallback .*`{name}`"):
        callback().on_train_begin(trainer.args, trainer.state, trainer.control, model=trainer.model)


def missing_layer(side):
    names = ["bert.encoder.layer.0", "bert.encoder.layer.1"]
    names[side] = "bert.encoder.layers.0"
    return callback(criterion=layers([names]))


@pytest.mark.parametrize(
    "make, text",
    [
        (
            lambda model: [callback(), callback()],
            r"two DistillationCallbacks, or .* twice; add one, .*criterion=\[...\]",
        ),
        (lambda model: [callback()] * 2, "two DistillationCallbacks"),
        (lambda model: [callback(model)], r"The teacher is the student itself, .*copy.deepcopy\(model\)"),
        (lambda model: [missing_layer(0)], "The student has no layer 'bert.encoder.layers.0'; did you mean 'bert.enc"),
        (lambda model: [missing_layer(1)], "The teacher has no layer 'bert.encoder.layers.0'; did you mean 'bert.enc"),
        (lambda model: [callback(teacher(num_labels=3))], "gives 3 logits, and the student, a Bert.*, 2; take"),
        (lambda model: [callback(tiny_model("llama"), kd())], "a LlamaForCausalLM, gives 96 logits, and the student"),
        (
            lambda model: [callback(model_without_logits(), kd())],
            "teacher's output has no tensor 'logits', only the k",
        ),
        (
            lambda model: [DistillationCallback(DistillationConfig())],
            "neither a teacher nor can a column `teacher_logits` of the dataset arrive: set `teacher_model` .*"
            "`remove_unused_columns=False`",
        ),
        (
            lambda model: [DistillationCallback(DistillationConfig(criterion=layers()))],
            "inner layers needs a teacher; set `teacher_model`",
        ),
    ],
    ids=[
        "two",
        "twice",
        "itself",
        "student layer",
        "teacher layer",
        "classes",
        "rank",
        "no logits",
        "no teacher",
        "no teacher of layers",
    ],
)
def test_bad_input(tmp_path, make, text):
    model = student()
    before = weights(model).clone()
    with pytest.raises(ValueError, match=text):
        train(tmp_path, make(model), model)
    assert torch.equal(weights(model), before)


def model_without_logits():
    return tiny_model("bert").bert


def test_no_column_arrives(tmp_path):
    distillation = DistillationCallback(DistillationConfig(criterion=kd()))
    with pytest.raises(ValueError, match="There is neither a teacher nor a column `teacher_logits` in the batch"):
        train(tmp_path, [distillation], remove_unused_columns=False)


def test_fp16_and_projections(tmp_path):
    trainer = make_trainer(tmp_path, student(), [])
    trainer.args.fp16 = True
    with pytest.raises(ValueError, match="cannot be trained with `fp16`"):
        callback().on_train_begin(trainer.args, trainer.state, trainer.control, model=trainer.model)


def test_config_and_names():
    with pytest.raises(TypeError, match="`config` must be a DistillationConfig, got dict."):
        DistillationCallback({"teacher_model": "me/teacher"})
    assert inc_hf.DistillationCallback is DistillationCallback
    assert repr(callback(criterion=kd())).startswith("DistillationCallback(KnowledgeDistillationLossConfig(")
