"""Rounding in float against what the integer modules compute."""

import pytest
import torch
from torch import nn

from inc_hf import ops
from inc_hf.quantize.fake_quantize import fake_quantize_range, fake_quantize_tokens, fake_quantize_weight
from inc_hf.quantize.functional import activation_qparams, dequantize_weight, quantize_weight
from inc_hf.quantize.scheme import ActivationScheme, WeightScheme


@pytest.mark.parametrize("bits", [2, 4, 7, 8])
@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("shape", [(6, 5), (4, 3, 3), (4, 2, 3, 3)], ids=["linear", "conv1d", "conv2d"])
def test_weights_are_on_the_grid_of_the_integers(bits, per_channel, shape):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    rounded = fake_quantize_weight(weight, WeightScheme(bits, per_channel))
    assert torch.equal(rounded, dequantize_weight(*quantize_weight(weight, bits, per_channel)))
    gradient = torch.randn(shape)
    rounded.backward(gradient)
    assert torch.equal(weight.grad, gradient)


def test_zeros_stay_zero():
    weight = torch.randn(8, 16)
    weight[:4, ::2] = 0
    rounded = fake_quantize_weight(weight, WeightScheme(4))
    assert (rounded[weight == 0] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_rows_are_rounded_as_by_the_kernels(dtype):
    x = (torch.randn(3, 5, 16) * torch.logspace(-3, 3, 5)[:, None]).to(dtype).requires_grad_()
    rounded = fake_quantize_tokens(x, ActivationScheme())
    scale = ops.per_token_scale(x.detach())
    codes = ops.quantize_activation(x.detach(), scale)
    assert rounded.dtype == dtype and torch.equal(rounded, (codes * scale).to(dtype))
    rounded.sum().backward()
    assert (x.grad == 1).all()


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_range_clips_and_its_outside_gets_no_gradient(symmetric):
    x = torch.tensor([-9.0, -0.93, -0.31, 0.0, 0.42, 1.87, 7.0], requires_grad=True)
    rounded = fake_quantize_range(x, -1.0, 2.0, ActivationScheme(dynamic=False, symmetric=symmetric))
    scale, zero_point = activation_qparams(-1.0, 2.0, symmetric)
    steps = (x.detach() / scale).round() + (0 if zero_point is None else zero_point)
    by_hand = (steps.clamp(-128, 127) - (0 if zero_point is None else zero_point)) * scale
    assert torch.equal(rounded, by_hand)
    rounded.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 1, 1, 0]


def test_the_kernels_compute_the_same():
    """Up to the order of the additions in float32."""
    torch.manual_seed(0)
    x, layer = torch.randn(7, 96), nn.Linear(96, 40)
    codes, scale = quantize_weight(layer.weight)
    exact = ops.q8_linear(x, codes, scale, layer.bias.detach())
    rounded = nn.functional.linear(
        fake_quantize_tokens(x, ActivationScheme()), fake_quantize_weight(layer.weight, WeightScheme()), layer.bias
    )
    torch.testing.assert_close(rounded, exact, rtol=1e-5, atol=1e-5)
