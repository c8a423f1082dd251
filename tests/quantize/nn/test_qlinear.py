import pytest
import torch
from single_layers import ACTIVATIONS, W8, every_activation, every_weight, twin_of
from torch import nn
from transformers.pytorch_utils import Conv1D

from inc_hf import ops
from inc_hf.quantize.functional import quantize_weight
from inc_hf.quantize.nn import QLinear
from inc_hf.quantize.scheme import ActivationScheme, Scheme


@every_activation
@every_weight
@pytest.mark.parametrize("has_bias", [True, False], ids=["bias", "no bias"])
def test_qlinear_is_the_integer_op(has_bias, weight, activation):
    linear, x = nn.Linear(70, 9, bias=has_bias), torch.randn(3, 5, 70) + 0.3
    twin = twin_of(linear, Scheme(weight, activation), x)
    codes, scale = quantize_weight(linear.weight, weight.num_bits, weight.per_channel)
    assert torch.equal(twin.codes, codes) and torch.equal(twin.weight_scale, scale)
    if activation is None:
        expected = nn.functional.linear(x, codes * scale, linear.bias)
    else:
        input_scale = None if activation.dynamic else twin.input_scale
        expected = ops.q8_linear(x, codes, scale, linear.bias, input_scale, twin.input_zero_point)
    assert torch.equal(twin(x), expected)


@every_activation
def test_qlinear_is_near_the_float_layer(activation):
    linear, x = nn.Linear(256, 64), torch.randn(40, 256)
    with torch.no_grad():
        expected = linear(x)
    # Two roundings (rows and weights) of at most 4 sigma / 127 each; 1 % would be right for the dynamic rows alone.
    assert (twin_of(linear, Scheme(W8, activation), x)(x) - expected).norm() < 0.02 * expected.norm()


def test_static_qlinear_has_the_calibrated_range():
    batches = [torch.tensor([[-1.0, 0.5]]), torch.tensor([[3.0, 0.0], [0.2, 0.1]])]
    twin = twin_of(nn.Linear(2, 2), Scheme(W8, ACTIVATIONS["static asymmetric"]), *batches)
    assert twin.input_scale.item() == pytest.approx(4 / 255) and twin.input_scale.dtype == torch.float32
    assert twin.input_zero_point.tolist() == [-64] and twin.input_zero_point.dtype == torch.int8
    symmetric = twin_of(nn.Linear(2, 2), Scheme(W8, ACTIVATIONS["static symmetric"]), *batches)
    assert symmetric.input_scale.item() == pytest.approx(3 / 127) and symmetric.input_zero_point is None


@pytest.mark.parametrize("num_bits", [7, 4])
def test_qlinear_takes_the_bits_of_the_activations(num_bits):
    linear, x = nn.Linear(70, 9), torch.randn(5, 70)
    twin = twin_of(linear, Scheme(W8, ActivationScheme(num_bits)))
    expected = ops.q8_linear(x, twin.codes, twin.weight_scale, linear.bias, num_bits=num_bits)
    assert torch.equal(twin(x), expected)
    assert not torch.equal(twin(x), twin_of(linear, Scheme(W8, ActivationScheme(8)))(x))


@every_activation
def test_conv1d_of_transformers_is_a_transposed_linear(activation):
    conv1d, linear, x = Conv1D(9, 20), nn.Linear(20, 9), torch.randn(2, 5, 20)
    with torch.no_grad():
        conv1d.bias.copy_(linear.bias)
        linear.weight.copy_(conv1d.weight.T)
    twin, expected = twin_of(conv1d, Scheme(W8, activation), x), twin_of(linear, Scheme(W8, activation), x)
    assert isinstance(twin, QLinear) and twin.is_conv1d and not expected.is_conv1d
    assert twin.codes.shape == (9, 20) and torch.equal(twin.codes, expected.codes)
    assert twin.weight.shape == conv1d.weight.shape and torch.equal(twin.weight, expected.weight.T)
    assert torch.equal(twin(x), expected(x))
