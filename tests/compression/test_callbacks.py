"""INC's `compression.callbacks`: the hooks of one config."""

import pytest
import torch
from pruning_trainer import config_of, is_pruned
from test_training import train, without_dropout

from inc_hf import Model, QuantizationAwareTrainingConfig
from inc_hf.compression import DistillationCallbacks, PruningCallbacks, QuantizationAwareTrainingCallbacks
from inc_hf.quantize.nn import quantized_modules
from inc_hf.training import prepare_compression


def test_pruning():
    model = without_dropout()
    hooks = PruningCallbacks(config_of(), Model(model))
    train(hooks, model)
    assert is_pruned(model)
    manager = prepare_compression(without_dropout(), config_of())
    train(manager, manager.model)
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in manager.model.state_dict().items())


def test_quantization_aware_training():
    model = without_dropout()
    hooks = QuantizationAwareTrainingCallbacks(conf=QuantizationAwareTrainingConfig(), model=model)
    hooks.on_train_begin()
    hooks.on_train_end()
    assert quantized_modules(model)


def test_wrong_uses():
    with pytest.raises(TypeError, match="`conf` must be a DistillationConfig, got WeightPruningConfig"):
        DistillationCallbacks(config_of(), without_dropout())
    with pytest.raises(TypeError, match="`model` must be a torch.nn.Module, got NoneType"):
        PruningCallbacks(config_of())
    with pytest.raises(TypeError, match="`conf` must be a WeightPruningConfig, got NoneType"):
        PruningCallbacks(model=without_dropout())
