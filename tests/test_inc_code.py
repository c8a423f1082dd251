"""Loops in the ways that INC 2.X documents, with its import paths; their order of hooks is not always the full one."""

import pytest
import torch
from pruning_trainer import LAYERS, Sentences, arguments, config_of
from test_training import BATCHES, without_dropout
from tiny import logits_of, tiny_model, tiny_tokenizer
from transformers import Trainer, TrainingArguments

from inc_hf import IncModelForSequenceClassification, QuantizationAwareTrainingConfig
from inc_hf.compression.distillation import (
    DistillationConfig,
    IntermediateLayersKnowledgeDistillationLossConfig,
    KnowledgeDistillationLossConfig,
    SelfKnowledgeDistillationLossConfig,
)
from inc_hf.quantize.nn import quantized_modules
from inc_hf.training import WeightPruningConfig, fit, prepare_compression
from inc_hf.utils.load_huggingface import save_for_huggingface_upstream

DENSE = "bert.encoder.layer.0.output.dense.weight"


def optimizer_of(model):
    return torch.optim.AdamW(model.parameters(), lr=1e-2)


def distil_loop(manager, model, epochs=2):
    """As in the pages on distillation and on orchestration: hooks of the manager, none after the optimizer."""
    optimizer = optimizer_of(model)
    model.train()
    manager.on_train_begin()
    for epoch in range(epochs):
        manager.on_epoch_begin(epoch)
        for i, batch in enumerate(BATCHES):
            manager.on_step_begin(i)
            output = model(**batch)
            loss = manager.on_after_compute_loss(batch, output, output.loss)
            loss.backward()
            manager.on_before_optimizer_step()
            optimizer.step()
            optimizer.zero_grad()
            manager.on_step_end()
        manager.on_epoch_end()
    manager.on_train_end()


def prune_loop(manager, model):
    """As in the page on pruning: hooks of `callbacks`, none of epochs and none at the end of a step."""
    optimizer = optimizer_of(model)
    model.train()
    manager.callbacks.on_train_begin()
    for step in range(12):
        manager.callbacks.on_step_begin(step)
        model(**BATCHES[step % len(BATCHES)]).loss.backward()
        manager.callbacks.on_before_optimizer_step()
        optimizer.step()
        manager.callbacks.on_after_optimizer_step()
        model.zero_grad()
    manager.callbacks.on_train_end()


def test_quantization_aware_training_around_a_trainer(tmp_path):
    model = tiny_model("bert")
    trainer = Trainer(model, TrainingArguments(**arguments(tmp_path / "trainer")), train_dataset=Sentences())
    compression_manager = prepare_compression(model, QuantizationAwareTrainingConfig())
    compression_manager.callbacks.on_train_begin()
    trainer.train()
    compression_manager.callbacks.on_train_end()
    save_for_huggingface_upstream(compression_manager.model, tiny_tokenizer(), tmp_path / "out")
    assert quantized_modules(model)
    loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert torch.equal(logits_of(loaded), logits_of(model.eval()))


def test_quantization_aware_training_with_fit(tmp_path):
    model = tiny_model("bert")
    manager = prepare_compression(model, QuantizationAwareTrainingConfig())
    q_model = fit(manager, train_func=lambda trained: prune_loop(manager, trained), eval_func=lambda trained: 1.0)
    assert q_model.met_criterion
    q_model.save(tmp_path / "out")
    assert quantized_modules(IncModelForSequenceClassification.from_pretrained(tmp_path / "out"))


def test_pruning():
    configs = WeightPruningConfig(
        pruning_configs=[
            {"op_names": ["attention.*"], "pattern": "4x1"},
            {"op_names": ["intermediate"], "pattern": "1x1", "target_sparsity": 0.5},
        ],
        target_sparsity=0.75,
        start_step=1,
        end_step=10,
    )
    model = tiny_model("bert")
    manager = prepare_compression(model=model, confs=configs)
    prune_loop(manager, model)
    assert [pruner.sparsity() for pruner in manager.callbacks.callbacks_list[0].pruners] == [0.75, 0.5]


def test_distillation_from_a_teacher():
    model, teacher = without_dropout(), tiny_model("bert", hidden_size=32).eval()
    criterion = KnowledgeDistillationLossConfig(loss_types=["CE", "KL"], loss_weights=[0.0, 1.0])
    manager = prepare_compression(model, DistillationConfig(teacher_model=teacher, criterion=criterion))
    before = distance(model, teacher)
    distil_loop(manager, manager.model, epochs=4)
    assert distance(model.eval(), teacher) < 0.5 * before


def distance(model, teacher):
    with torch.no_grad():
        return sum((model(**batch).logits - teacher(**batch).logits).square().sum().item() for batch in BATCHES)


LOSSES = {
    "layers": IntermediateLayersKnowledgeDistillationLossConfig(layer_mappings=[[("bert.encoder.layer.0",)]]),
    "self": SelfKnowledgeDistillationLossConfig(layer_mappings=[[["logits", "logits"]]], add_origin_loss=True),
}


@pytest.mark.parametrize("criterion", LOSSES.values(), ids=LOSSES)
def test_distillation_from_the_model_itself(criterion, caplog):
    model = without_dropout()
    manager = prepare_compression(model, DistillationConfig(teacher_model=model, criterion=criterion))
    assert "a copy of what it is now will teach it" in caplog.text
    taught = manager.callbacks_list[0].teacher.state_dict()
    kept = {name: tensor.clone() for name, tensor in taught.items()}
    distil_loop(manager, manager.model)
    assert all(torch.equal(taught[name], tensor) for name, tensor in kept.items())
    assert not torch.equal(model.bert.encoder.layer[0].output.dense.weight, kept[DENSE])


ONE_SHOT = {
    "distil, prune": (DistillationConfig, WeightPruningConfig),
    "distil, quantize": (DistillationConfig, QuantizationAwareTrainingConfig),
    "prune, quantize": (WeightPruningConfig, QuantizationAwareTrainingConfig),
    "all": (DistillationConfig, WeightPruningConfig, QuantizationAwareTrainingConfig),
}


@pytest.mark.parametrize("kinds", ONE_SHOT.values(), ids=ONE_SHOT)
def test_orchestration(kinds, tmp_path):
    model = without_dropout()
    confs = {
        DistillationConfig: DistillationConfig(model, KnowledgeDistillationLossConfig()),
        WeightPruningConfig: config_of(op_names=[LAYERS]),
        QuantizationAwareTrainingConfig: QuantizationAwareTrainingConfig(),
    }
    manager = prepare_compression(model=model, confs=[confs[kind] for kind in kinds])
    manager.callbacks.on_train_begin()
    distil_loop(manager, model)
    manager.model.save(tmp_path / "out")
    loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert bool(quantized_modules(loaded)) == (QuantizationAwareTrainingConfig in kinds)
    assert torch.equal(logits_of(loaded), logits_of(model.eval()))
    assert WeightPruningConfig not in kinds or zeros_of(manager) == 0.5


def zeros_of(manager):
    pruning = next(entry for entry in manager.callbacks_list if hasattr(entry, "pruners"))
    return pruning.pruners[0].sparsity()
