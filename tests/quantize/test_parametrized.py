"""Layers whose weight is computed: weight norm, by parametrizations or by the older hook."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import weight_norm as older_weight_norm
from torch.nn.utils.parametrizations import weight_norm

from inc_hf import PostTrainingQuantConfig, mix_precision
from inc_hf.quantization import fit
from inc_hf.quantize import resolve_schemes
from inc_hf.quantize.nn import quantized_modules
from inc_hf.quantize.qat import finish_qat, prepare_qat, unprepare_qat

DYNAMIC = PostTrainingQuantConfig(approach="dynamic")


def layers(norm):
    """Several of one shape: what computes their weights uses the same memory one after the other."""
    return nn.Sequential(*(norm(nn.Linear(8, 8)) for _ in range(4)), norm(nn.Conv1d(4, 4, 3, padding=1)))


pytestmark = pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
every_norm = pytest.mark.parametrize("norm", [weight_norm, older_weight_norm], ids=["parametrization", "hook"])


def near(y, expected):
    return bool((y - expected).norm() < 0.03 * expected.norm())


@every_norm
@pytest.mark.parametrize("convert", [lambda m: fit(m, DYNAMIC), mix_precision.fit], ids=["int8", "bf16"])
def test_each_gets_its_own_weight(norm, convert):
    model, x = layers(norm), torch.randn(3, 4, 8)
    with torch.no_grad():
        expected = model(x)
        convert(model)
        assert near(model(x), expected)
    assert not any("parametrizations" in name or name.endswith("weight_g") for name in model[0].state_dict())


@every_norm
def test_qat(norm):
    model, x = layers(norm), torch.randn(3, 4, 8)
    keys, expected = set(model.state_dict()), model(x).detach()
    prepare_qat(model, resolve_schemes(model, DYNAMIC))
    y = model(x)
    y.sum().backward()
    assert near(y.detach(), expected) and not torch.equal(y, expected)
    assert set(model.state_dict()) == keys and all(p.grad is not None for p in model.parameters())
    finished = finish_qat(copy.deepcopy(model) if norm is weight_norm else model)
    assert len(quantized_modules(finished)) == 5
    with torch.no_grad():
        assert torch.allclose(finished(x), y, atol=1e-5)


def test_qat_taken_back():
    model, x = layers(weight_norm), torch.randn(3, 4, 8)
    expected, kinds = model(x).detach(), [type(module) for module in model]
    unprepare_qat(prepare_qat(model, resolve_schemes(model, DYNAMIC)))
    assert torch.equal(model(x), expected) and [type(module) for module in model] == kinds
