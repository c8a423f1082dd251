"""What `inc_hf.optimize` does to a model that is quantized already."""

import pytest
import torch
from tiny import tiny_model
from torch import nn
from transformers.activations import QuickGELUActivation

from inc_hf import PostTrainingQuantConfig, ops, optimize, quantization
from inc_hf.inference.fuse import activation_name, fuse_activations
from inc_hf.quantize.nn import QLinear

needs_kernels = pytest.mark.skipif(not ops.is_available(), reason="needs the kernels")
ARCHITECTURES = ["bert", "roberta", "electra", "distilbert", "albert"]


def quantized(architecture: str) -> nn.Module:
    return quantization.fit(tiny_model(architecture), PostTrainingQuantConfig(approach="dynamic")).model.eval()


@torch.no_grad()
def logits(model: nn.Module) -> torch.Tensor:
    return model(input_ids=torch.arange(2, 26).reshape(2, 12)).logits


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_fused_activations_change_nothing_but_the_last_bits(architecture):
    model = quantized(architecture)
    before = logits(model)
    fused = fuse_activations(model)
    assert fused and all(model.get_submodule(name).activation in ("gelu", "gelu_tanh") for name in fused)
    assert fuse_activations(model) == [], "a second call finds nothing left"
    # a last bit can move an activation to the next integer
    torch.testing.assert_close(logits(model), before, rtol=0, atol=0.05 * before.abs().max().item())


class NormBetween(nn.Module):
    """With children of BERT's names, and something between them."""

    def __init__(self):
        super().__init__()
        self.dense, self.norm, self.intermediate_act_fn = nn.Linear(8, 8), nn.LayerNorm(8), nn.GELU()

    def forward(self, x):
        return self.intermediate_act_fn(self.norm(self.dense(x)))


def test_a_layer_that_only_has_the_names_is_left_alone():
    model = quantization.fit(NormBetween(), PostTrainingQuantConfig(approach="dynamic")).model
    assert fuse_activations(model) == [] and model.dense.activation == "none"


@needs_kernels
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_optimize_keeps_only_the_packed_weights(architecture, tmp_path):
    model = quantized(architecture)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    before = logits(model)
    assert optimize(model, fuse=False) is model
    linears = [module for module in model.modules() if isinstance(module, QLinear)]
    assert linears and all(module.is_released for module in linears)
    assert torch.equal(logits(model), before)
    after = model.state_dict()
    assert after.keys() == state.keys() and all(torch.equal(after[name], state[name]) for name in state)


@pytest.mark.parametrize(
    "module, name",
    [
        (nn.GELU(), "gelu"),
        (nn.GELU("tanh"), "gelu_tanh"),
        (nn.ReLU(), "relu"),
        (nn.SiLU(), "silu"),
        (QuickGELUActivation(), "quick_gelu"),
        (nn.Tanh(), None),
    ],
    ids=["gelu", "tanh gelu", "relu", "silu", "quick gelu", "unknown"],
)
def test_activation_names(module, name):
    assert activation_name(module) == name
    if name is not None:
        x = torch.randn(100)
        torch.testing.assert_close(ops.ACTIVATIONS[name](x), module(x))
