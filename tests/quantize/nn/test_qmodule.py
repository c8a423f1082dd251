import copy

import pytest
import torch
from single_layers import (
    ACTIVATIONS,
    LAYERS,
    ROWS,
    W8,
    every_activation,
    every_layer,
    half_precision,
    integer_activation,
    twin_of,
)
from torch import nn

from inc_hf.quantize.nn import empty_twin
from inc_hf.quantize.scheme import ActivationScheme, Scheme, WeightScheme


@half_precision
@every_activation
@every_layer
def test_half_precision_layers(build, shape, activation, dtype):
    layer, x = build(), torch.randn(shape)
    half = copy.deepcopy(layer).to(dtype)
    twin = twin_of(half, Scheme(W8, activation), x.to(dtype))
    y = twin(x.to(dtype))
    assert y.dtype == dtype and twin.bias.dtype == dtype
    assert {b.dtype for n, b in twin.named_buffers() if n.endswith("scale")} == {torch.float32}
    with torch.no_grad():
        expected = layer(x)
    # 8 bits of the integers, and bfloat16's own 8 bits of the weights, the inputs and the result.
    assert (y.float() - expected).norm() < 0.03 * expected.norm()


@integer_activation
@every_layer
def test_autocast_does_not_change_the_integers(build, shape, activation):
    x = torch.randn(shape)
    twin = twin_of(build(), Scheme(W8, activation), x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = twin(x)
    assert torch.equal(y, twin(x))


@every_activation
@every_layer
def test_inputs_that_need_gradients(build, shape, activation):
    x = torch.randn(shape)
    twin = twin_of(build(), Scheme(W8, activation), x)
    assert torch.equal(twin.eval()(x.requires_grad_()).detach(), twin(x.detach()))
    assert not any(parameter.requires_grad for parameter in twin.parameters())


@every_activation
@every_layer
def test_training_is_refused_where_rounding_stops_the_gradient(build, shape, activation):
    x = torch.randn(shape).requires_grad_()
    twin = twin_of(build(), Scheme(W8, activation), x.detach()).train()
    if activation is None:
        twin(x).sum().backward()
        assert x.grad.abs().sum() > 0
    else:
        with pytest.raises(RuntimeError, match="for inference"):
            twin(x)


every_module = pytest.mark.parametrize("build", [build for build, _ in LAYERS.values()], ids=LAYERS)


@pytest.mark.parametrize(
    "scheme, names",
    [
        (ROWS, {"weight", "weight_scale"}),
        (Scheme(W8, ActivationScheme()), {"weight", "weight_scale"}),
        (Scheme(W8, ACTIVATIONS["static symmetric"]), {"weight", "weight_scale", "input_scale"}),
    ],
    ids=["weight-only", "dynamic", "static symmetric"],
)
def test_a_state_dict_holds_no_more_than_the_scheme_needs(scheme, names):
    assert set(twin_of(nn.Linear(4, 2, bias=False), scheme, torch.randn(3, 4)).state_dict()) == names


def test_a_copy_of_a_twin_is_its_own():
    twin, x = twin_of(nn.Linear(8, 4), Scheme(W8, ActivationScheme())), torch.randn(2, 8)
    before = twin(x)
    other = copy.deepcopy(twin)
    other.weight_scale *= 2
    assert torch.equal(twin(x), before) and not torch.equal(other(x), before)


@pytest.mark.parametrize(
    "scheme, text",
    [
        (Scheme(WeightScheme(7), ActivationScheme()), "W7A8 dynamic"),
        (Scheme(W8, ACTIVATIONS["static symmetric"]), "W8A8 static"),
        (Scheme(W8, ACTIVATIONS["static asymmetric"]), "W8A8 static asymmetric"),
        (Scheme(WeightScheme(4)), "W4"),
    ],
    ids=["dynamic", "static", "asymmetric", "weight-only"],
)
@every_module
def test_a_twin_prints_its_scheme(build, scheme, text):
    twin = empty_twin(build(), scheme)
    assert twin.describe_scheme() == text
    assert repr(twin).endswith(f"{text})")
