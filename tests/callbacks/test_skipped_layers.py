"""Layers that training skips at random (LayerDrop), and weights that are never called."""

import pytest
import torch
import transformers
from pruning_trainer import arguments
from tiny import SEQ2SEQ, VOCABULARY, tiny_model
from torch import nn

from inc_hf.callbacks import PruningCallback, QuantizationAwareTrainingCallback
from inc_hf.config import WeightPruningConfig
from inc_hf.quantize.nn import QEmbedding, QLinear

ROWS = [{"input_ids": [5, 6 + i % 3, 3], "labels": i % 2} for i in range(16)]


def bart() -> transformers.PreTrainedModel:
    """Every layer of the encoder is skipped in most steps."""
    sizes = {**SEQ2SEQ, "encoder_layers": 4, "encoder_layerdrop": 0.7}
    config = transformers.BartConfig(vocab_size=VOCABULARY, **sizes, num_labels=2, eos_token_id=3, pad_token_id=0)
    torch.manual_seed(0)
    return transformers.BartForSequenceClassification(config)


def train(model, callback, folder, **values):
    settings = transformers.TrainingArguments(**arguments(folder, **{"max_steps": 2, **values}))
    transformers.Trainer(model, settings, train_dataset=ROWS, callbacks=[callback]).train()
    return callback


def test_pruning(tmp_path):
    config = WeightPruningConfig(target_sparsity=0.5, end_step=4, pruning_scope="local", pattern="1x1")
    callback = train(bart(), PruningCallback(config), tmp_path, max_steps=8)
    pruned = [part.name for part in callback.pruners[0].parts() if (part.module.weight == 0).float().mean() > 0.4]
    waiting = callback.pruners[0].unscored
    assert set(pruned) | set(waiting) == {part.name for part in callback.pruners[0].parts()}
    assert sum(left.modules for left in callback.coverage.left if "no gradient" in left.reason) == len(waiting)


@pytest.mark.parametrize("approach", ["dynamic", "static"])
def test_quantization_aware_training(approach, tmp_path):
    model = bart()
    callback = train(model, QuantizationAwareTrainingCallback(approach=approach), tmp_path, max_steps=1)
    layers = {name: module for name, module in model.named_modules() if ".encoder.layers." in name}
    skipped = {name for name, module in layers.items() if type(module) is nn.Linear}
    if approach == "static":  # it has no range for what it never saw
        assert 0 < len(skipped) < 24
        left = {left.reason: left.modules for left in callback.coverage.left}
        assert left["not reached by the calibration data"] == len(skipped)
    else:
        assert not skipped
        assert [left.examples[0] for left in callback.coverage.left] == ["model.encoder.embed_positions"]
        assert all(module.input_ndim == 3 for module in layers.values() if isinstance(module, QLinear))
    assert model.eval()(torch.tensor([[5, 6, 3]])).logits.isfinite().all()


def test_what_is_only_read_stays_in_float_as_after_post_training_quantization(tmp_path):
    model = tiny_model("deberta")
    callback = train(model, QuantizationAwareTrainingCallback(), tmp_path)
    assert type(model.deberta.encoder.rel_embeddings) is nn.Embedding
    assert isinstance(model.deberta.embeddings.word_embeddings, QEmbedding)
    assert [(left.reason, left.examples) for left in callback.coverage.left] == [
        ("never called by the model on this data", ["deberta.encoder.rel_embeddings"])
    ]
