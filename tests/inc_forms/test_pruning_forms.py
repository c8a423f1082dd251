"""Pruning configs of which a part fits nothing, as INC takes them."""

import pytest
import torch
from pruning_trainer import config_of
from test_training import train, without_dropout
from torch import nn

from inc_hf.compression.pruner import prepare_pruning
from inc_hf.config import WeightPruningConfig
from inc_hf.training import prepare_compression

FIRST, SECOND = ["attention"], ["intermediate"]


def share_of_zeros(weight):
    return (weight == 0).float().mean().item()


def test_an_element_whose_pattern_fits_no_layer_leaves_its_layers_dense(caplog):
    model = without_dropout()
    conf = config_of(pruning_configs=[{"op_names": FIRST, "pattern": "5x1"}, {"op_names": SECOND}])
    manager = prepare_compression(model, conf, max_steps=12)
    train(manager, manager.model)
    layer = model.bert.encoder.layer[0]
    assert share_of_zeros(layer.attention.self.query.weight) == 0
    assert share_of_zeros(layer.intermediate.dense.weight) == 0.5
    assert caplog.text.count("The pattern 5x1 does not fit, so these stay dense: bert.encoder.layer.0.attention") == 1
    assert [len(pruner.targets) for pruner in manager.callbacks_list[0].pruners] == [0, 1]


def test_the_same_without_training(caplog):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))
    elements = [{"op_names": ["0"], "pattern": "3x1"}, {"op_names": ["2"], "pattern": "1x1"}]
    conf = WeightPruningConfig(elements, pruning_type="magnitude", target_sparsity=0.5)
    prepare_pruning(model, conf, dataloader=[torch.randn(2, 8)])
    assert (share_of_zeros(model[0].weight), share_of_zeros(model[2].weight)) == (0, 0.5)
    assert "so these stay dense: 0 (8, 8)" in caplog.text


@pytest.mark.parametrize("where", ["keyword", "element"])
def test_a_criterion_type_is_said_to_change_nothing(where, caplog):
    settings = {"criterion_type": "magnitude"}
    config = WeightPruningConfig(**settings) if where == "keyword" else WeightPruningConfig([settings])
    config.use()
    said = "`criterion_type` (it is `pruning_type` that chooses) of the WeightPruningConfig changes nothing here."
    assert caplog.messages == [said]


@pytest.mark.parametrize("count", [1, 2], ids=["alone", "both"])
def test_nothing_at_all_is_refused(count):
    elements = [{"op_names": names, "pattern": "5x1"} for names in (FIRST, SECOND)][:count]
    with pytest.raises(ValueError, match="No layer can be pruned with the pattern"):
        prepare_compression(without_dropout(), config_of(pruning_configs=elements))
