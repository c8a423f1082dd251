"""INC's `prepare_pruning`: in a loop without hooks, and at once."""

import pytest
import torch
from pruning_trainer import config_of, is_pruned
from test_training import BATCHES, STEPS, train, without_dropout
from tiny import tiny_inputs, tiny_model

from inc_hf.compression.pruner import parse_to_prune, prepare_pruning
from inc_hf.config import WeightPruningConfig
from inc_hf.training import prepare_compression

CONFIG = config_of()


def optimizer_of(model):
    return torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_loop_without_hooks(accumulation):
    model = without_dropout()
    optimizer = optimizer_of(model)
    pruning = prepare_pruning(model, CONFIG, optimizer)
    assert pruning.pruners[0].config["pattern"] == "4x1"
    model.train()
    for i in range(STEPS * accumulation):
        (model(**BATCHES[i % len(BATCHES)]).loss / accumulation).backward()
        if (i + 1) % accumulation == 0:
            optimizer.step()
            optimizer.zero_grad()
    pruning.on_train_end()
    assert is_pruned(model)
    assert not model._forward_pre_hooks and not optimizer._optimizer_step_pre_hooks
    manager = prepare_compression(without_dropout(), CONFIG)
    train(manager, manager.model, accumulation)
    assert all(torch.equal(t, model.state_dict()[name]) for name, t in manager.model.state_dict().items())


def test_repr():
    model = without_dropout()
    optimizer = optimizer_of(model)
    pruning = prepare_pruning(model, CONFIG, optimizer)
    assert repr(pruning) == "Pruning(0.0% of 50.0% in 7 layers (4x1), step 0)"
    model.train()
    for i in range(STEPS):
        model(**BATCHES[i % len(BATCHES)]).loss.backward()
        optimizer.step()
    assert repr(pruning) == f"Pruning(50.0% of 50.0% in 7 layers (4x1), step {STEPS})"
    pruning.on_train_end()
    assert repr(pruning) == "Pruning(50.0% of 50.0% in 7 layers (4x1), ended)"


def test_at_once(caplog):
    model = tiny_model("llama")
    config = {"pruning_type": "wanda", "pattern": "2:4", "target_sparsity": 0.5}
    assert prepare_pruning(model, config, dataloader=[tiny_inputs(model)]) is model
    assert "Pruned 7 layers: 50.00% of their weights are zero (2:4), and 31.25% of all Linear" in caplog.text
    weight = model.model.layers[0].mlp.up_proj.weight
    assert ((weight == 0).unflatten(1, (-1, 4)).sum(-1) == 2).all()


def test_layers_that_are_meant():
    model = tiny_model("bert")
    (merged,) = WeightPruningConfig(op_names=["attention"]).merged_configs()
    found = parse_to_prune(merged, model)
    assert list(found) == [n for n, m in model.named_modules() if "attention" in n and isinstance(m, torch.nn.Linear)]
    assert all(model.get_submodule(name) is module for name, module in found.items())


def test_errors():
    model = tiny_model("bert")
    with pytest.raises(ValueError, match="`framework` must be 'pytorch', got 'keras'"):
        prepare_pruning(model, CONFIG, framework="keras")
    with pytest.raises(ValueError, match="or `dataloader` to prune at once, not neither"):
        prepare_pruning(model, CONFIG)
    with pytest.raises(ValueError, match="not both"):
        prepare_pruning(model, CONFIG, optimizer_of(model), [tiny_inputs(model)])
    with pytest.raises(ValueError, match="`end_step=0.5` needs to know how long training is: pass `max_steps`"):
        prepare_pruning(model, config_of(end_step=0.5), optimizer_of(model))


@pytest.mark.parametrize("form", ["pairs", "stream", "samples"])
def test_data_in_other_forms(form):
    """As the same samples in batches of dicts."""
    ids = torch.randint(5, 96, (8, 6), generator=torch.Generator().manual_seed(1))
    rows = [{"input_ids": row} for row in ids]
    forms = {"pairs": [(ids, torch.zeros(8))], "stream": iter(rows), "samples": rows}
    config = WeightPruningConfig(pruning_type="wanda", pattern="1x1", target_sparsity=0.5)
    pruned = prepare_pruning(tiny_model("bert"), config, dataloader=forms[form])
    expected = prepare_pruning(tiny_model("bert"), config, dataloader=[{"input_ids": ids}])
    for (name, weight), (_, other) in zip(pruned.named_parameters(), expected.named_parameters(), strict=True):
        assert torch.equal(weight, other), name
