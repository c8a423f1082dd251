"""What is told of layers is what happens: the kernels are those that `optimize` packs for."""

import pytest
import torch
from fitting import net
from tiny import quantized, tiny_model
from torch import nn

from inc_hf import mix_precision, ops, optimize
from inc_hf.inference.layers import kernels_in_numbers, layers_of
from inc_hf.quantize.nn import QLinear, quantized_modules

native = pytest.mark.skipif(not ops.is_native(), reason="there are no kernels here")


def pruned_bert(share: float = 0.9) -> nn.Module:
    """With blocks of 4x1 zeros in its feed-forward layers."""
    model = tiny_model("bert", hidden_size=64, intermediate_size=64)
    for name, module in model.named_modules():
        if name.endswith(("intermediate.dense", "0.output.dense")):
            rows, columns = module.weight.shape
            kept = torch.rand(rows // 4, columns) > share
            module.weight.data *= kept.repeat_interleave(4, 0)
    return model


@native
def test_kernels_are_those_that_are_packed():
    model = quantized(pruned_bert(0.98)).model
    told = layers_of(model)
    assert all(module.packed is None for module in model.modules() if isinstance(module, QLinear))
    optimize(model)
    for name, layer in told.items():
        kind = ops.q8_describe(model.get_submodule(name).packed)
        assert layer.kernel == ("INT8 4x1 sparse" if kind.endswith("sparse") else "INT8 dense"), name
    assert kernels_in_numbers(told) == {"INT8 dense": 6, "INT8 4x1 sparse": 2}
    assert layers_of(model) == told, "of released weights, which stay released"
    assert all(module.is_released for module in model.modules() if isinstance(module, QLinear))


@native
@pytest.mark.parametrize(
    ("make", "kernels"),
    [
        (lambda: tiny_model("gpt2"), {"float": 5}),
        (lambda: quantized("bert", "weight_only").model, {"float, from integer weights": 8}),
        (lambda: mix_precision.fit(tiny_model("gpt2")).model, {"BF16": 5}),
        (lambda: quantized("vit").model, {"INT8 dense": 7, "INT8 in plain torch": 1}),
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), {"float": 1}),
        (net, {"float": 3}),
        (nn.ReLU, {}),
    ],
    ids=["float", "weights only", "bf16", "convolution", "conv float", "net", "no layer"],
)
def test_kernels(make, kernels):
    assert kernels_in_numbers(layers_of(make())) == kernels


def test_without_kernels(monkeypatch):
    half, whole = mix_precision.fit(tiny_model("bert")).model, quantized("bert").model
    monkeypatch.setattr(ops, "is_native", lambda: False)
    assert kernels_in_numbers(layers_of(whole)) == {"INT8 in plain torch": 8}
    assert kernels_in_numbers(layers_of(half)) == {"BF16 in plain torch": 8}


@pytest.mark.parametrize("make", [lambda m: m, lambda m: quantized(m).model, lambda m: mix_precision.fit(m).model],
                         ids=["float", "int8", "bf16"])  # fmt: skip
@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_zeros_are_counted_along_the_inputs_of_each_layer(name, make):
    """`Conv1D` of GPT-2 has them first."""
    model = tiny_model(name)
    layer = "bert.pooler.dense" if name == "bert" else "transformer.h.0.mlp.c_fc"
    with torch.no_grad():
        weight = model.get_submodule(layer).weight
        (weight if name == "bert" else weight.t())[:, ::2] = 0
    zeros = layers_of(make(model))[layer].zeros
    assert zeros.n_of_m == "1:2" and zeros.zero_blocks == zeros.blocks // 2


def test_nothing_is_changed():
    model = quantized("bert").model
    before = {name: module.packed for name, module in quantized_modules(model).items() if isinstance(module, QLinear)}
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    layers_of(model)
    assert all(model.get_submodule(name).packed is packed for name, packed in before.items())
    assert all(torch.equal(tensor, state[key]) for key, tensor in model.state_dict().items())
