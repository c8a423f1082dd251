import copy

import pytest
import torch
from tiny import tiny_inputs, tiny_model
from torch.utils.data import DataLoader

from inc_hf.compression.pruner.wanda import prune_wanda
from inc_hf.config import WeightPruningConfig
from inc_hf.prune.oneshot import prune_oneshot


def batches(count=4):
    generator = torch.Generator().manual_seed(0)
    return [{"input_ids": torch.randint(0, 96, (2, 10), generator=generator)} for _ in range(count)]


@pytest.mark.parametrize(
    ("settings", "pruning_type", "pattern", "sparsity"),
    [
        ({"sparsity_ratio": 0.5}, "wanda", "1x1", 0.5),
        ({"sparsity_ratio": 0.5, "dsnot": True}, "dsnot", "1x1", 0.5),
        ({"sparsity_ratio": 0.9, "prune_n": 2, "prune_m": 4}, "wanda", "2:4", 0.5),
        ({"sparsity_ratio": 0.0, "prune_n": 1, "prune_m": 4, "dsnot": True}, "dsnot", "1:4", 0.25),
    ],
)
def test_is_prune_oneshot(settings, pruning_type, pattern, sparsity):
    model = tiny_model("llama")
    expected = copy.deepcopy(model)
    config = WeightPruningConfig(pruning_type=pruning_type, pattern=pattern, target_sparsity=sparsity)
    prune_oneshot(expected, config, batches(), progress=False)
    assert prune_wanda(model, batches(), **settings, low_mem_usage=True) is model
    assert all(torch.equal(p, expected.get_parameter(n)) for n, p in model.named_parameters())


def test_number_of_samples():
    model = tiny_model("gpt2")
    expected = copy.deepcopy(model)
    prune_wanda(model, batches(8), 0.5, nsamples=4)
    prune_wanda(expected, batches(2), 0.5)
    assert all(torch.equal(p, expected.get_parameter(n)) for n, p in model.named_parameters())


def test_variant():
    model = tiny_model("llama")
    prune_wanda(model, batches(), 0.5, use_variant=True)
    zero = model.model.layers[0].mlp.up_proj.weight == 0
    assert zero.double().mean() == 0.5 and len(zero.sum(1).unique()) > 1


def test_dataloaders_and_device():
    model = tiny_model("gpt2")
    expected = copy.deepcopy(model)
    ids = tiny_inputs(model)["input_ids"]
    prune_wanda(expected, [{"input_ids": ids}], 0.5)
    prune_wanda(model, DataLoader([(row, 0) for row in ids], batch_size=3), 0.5, device="cpu")
    assert all(torch.equal(p, expected.get_parameter(n)) for n, p in model.named_parameters())


def test_errors():
    model = tiny_model("gpt2")
    with pytest.raises(ValueError, match="`prune_n` and `prune_m` belong together, got 2 and 0"):
        prune_wanda(model, batches(), 0.5, prune_n=2)
    with pytest.raises(ValueError, match="`use_variant` is neither"):
        prune_wanda(model, batches(), 0.5, prune_n=2, prune_m=4, use_variant=True)
    with pytest.raises(ValueError, match="The dataset is empty"):
        prune_wanda(model, [], 0.5)
