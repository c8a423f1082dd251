import torch
from single_layers import ACTIVATIONS, ROWS, W8, every_layer, twin_of
from torch import nn

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
