import pytest
import torch
from single_layers import ACTIVATIONS, ROWS, W8, every_layer, quantized, twin_of
from torch import nn

from inc_hf.quantize.bf16 import use_bf16
from inc_hf.quantize.nn import empty_twin, quantized_modules
from inc_hf.quantize.scheme import Scheme


@every_layer
def test_a_state_dict_is_enough_for_an_empty_twin(build, shape):
    module, scheme, x = build(), Scheme(W8, ACTIVATIONS["static asymmetric"]), torch.randn(shape)
    twin = twin_of(module, scheme, x)
    state = twin.state_dict()
    assert {name: tensor.dtype for name, tensor in state.items()} == {
        "weight": torch.int8,
        "weight_scale": torch.float32,
        "input_scale": torch.float32,
        "input_zero_point": torch.int8,
        "bias": torch.float32,
    }
    assert not any(tensor.is_meta for tensor in state.values())
    other = empty_twin(module, scheme)
    other.load_state_dict(state)
    assert torch.equal(other(x), twin(x))


def test_quantized_modules_names_a_shared_one_once():
    twin = twin_of(nn.Linear(2, 2), ROWS)
    model = nn.ModuleDict({"a": twin, "b": nn.Sequential(twin, nn.Linear(2, 2))})
    assert quantized_modules(model) == {"a": twin}


BUILDS = {
    "int8": lambda m: quantized(nn.Sequential(m), {"0": ROWS})[0],
    "bf16": lambda m: use_bf16(nn.Sequential(m), ["0"])[0],
}
every_build = pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)


@every_build
def test_hooks_stay_and_their_handles_remove_them(build):
    layer, seen = nn.Linear(4, 2), []
    handles = [
        layer.register_forward_pre_hook(lambda module, args: (args[0] * 0,)),
        layer.register_forward_hook(lambda module, args, kwargs, y: seen.append(y), with_kwargs=True),
    ]
    twin, x = build(layer), torch.randn(3, 4)
    assert torch.equal(twin(x), twin.bias.expand(3, 2)) and len(seen) == 1
    for handle in handles:
        handle.remove()
    assert not torch.equal(twin(x), twin.bias.expand(3, 2)) and len(seen) == 1


def test_hooks_that_compute_the_weight_go():
    layer, x = torch.nn.utils.weight_norm(nn.Linear(4, 2)), torch.randn(3, 4)
    expected = layer(x)
    assert torch.allclose(BUILDS["int8"](layer)(x), expected, atol=0.05)
