import copy

import pytest
import torch
from single_layers import W8, every_activation, integer_activation, twin_of
from torch import nn

from inc_hf import ops
from inc_hf.quantize.nn import QConv
from inc_hf.quantize.scheme import Scheme, WeightScheme

CONVOLUTIONS = {
    "1d": (lambda: nn.Conv1d(4, 6, 3), (2, 4, 20)),
    "1d all": (lambda: nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2), (3, 4, 21)),
    "1d same": (lambda: nn.Conv1d(4, 6, 3, padding="same"), (2, 4, 20)),
    "1d valid, no bias": (lambda: nn.Conv1d(4, 6, 3, padding="valid", bias=False), (2, 4, 20)),
    "1d unbatched": (lambda: nn.Conv1d(4, 6, 3, padding=1), (4, 20)),
    "2d": (lambda: nn.Conv2d(3, 5, 3), (2, 3, 9, 8)),
    "2d padded": (lambda: nn.Conv2d(3, 5, (3, 2), padding=(2, 1)), (2, 3, 9, 8)),
    "2d strided patches": (lambda: nn.Conv2d(3, 5, 4, stride=4), (2, 3, 8, 8)),
    "2d dilated": (lambda: nn.Conv2d(3, 5, 3, dilation=(2, 1), padding=1), (2, 3, 9, 8)),
    "2d groups": (lambda: nn.Conv2d(4, 8, 3, groups=2, padding=1), (2, 4, 9, 8)),
    "2d depthwise": (lambda: nn.Conv2d(4, 4, 3, groups=4, stride=2, padding=1), (2, 4, 9, 8)),
    "2d unbatched": (lambda: nn.Conv2d(3, 5, 3, padding=1), (3, 9, 8)),
    "2d empty batch": (lambda: nn.Conv2d(3, 5, 3), (0, 3, 9, 8)),
}
every_convolution = pytest.mark.parametrize("build, shape", CONVOLUTIONS.values(), ids=CONVOLUTIONS)


def dequantized_input(x, twin):
    """The values that the twin's integers stand for, in float64."""
    scale = twin.input_scale
    if scale is None:
        batched = x if x.ndim == twin.codes.ndim else x[None]
        amax = (batched.flatten(1).abs().amax(1) / 127.5).bfloat16().float()
        scale = amax.reshape(-1, *[1] * (x.ndim - 1)) if batched is x else amax
    codes = ops.quantize_activation(x, scale, twin.input_zero_point).double()
    return (codes - (0 if twin.input_zero_point is None else twin.input_zero_point.double())) * scale.double()


@integer_activation
@pytest.mark.parametrize("per_channel", [True, False], ids=["per channel", "per tensor"])
@every_convolution
def test_qconv_against_float64(build, shape, per_channel, activation):
    conv = build()
    x = torch.randn(shape) + 0.6  # off zero, so that padding with the zero point would show
    twin = twin_of(conv, Scheme(WeightScheme(8, per_channel), activation), torch.randn(2, *conv_input(conv, shape)))
    assert isinstance(twin, QConv)
    values = dequantized_input(x, twin)
    scale = twin.weight_scale.double()
    weights = twin.codes.double() * (scale.reshape(-1, *[1] * (conv.weight.ndim - 1)) if per_channel else scale)
    bias = None if conv.bias is None else conv.bias.detach().double()
    convolve = nn.functional.conv1d if conv.weight.ndim == 3 else nn.functional.conv2d
    options = {name: getattr(conv, name) for name in ("stride", "padding", "dilation", "groups")}
    expected = convolve(values, weights, bias, **options)
    magnitude = convolve(values.abs(), weights.abs(), None if bias is None else bias.abs(), **options)
    y = twin(x)
    assert y.dtype == torch.float32 and y.shape == conv(x).shape
    # A handful of float32 roundings of the sum, the scales and the bias.
    assert ((y.double() - expected).abs() <= 8 * torch.finfo(torch.float32).eps * magnitude).all()


def conv_input(conv, shape):
    return shape[-(conv.weight.ndim - 1) :]


@every_convolution
def test_qconv_with_float_activations(build, shape):
    conv, x = build(), torch.randn(shape)
    twin = twin_of(conv, Scheme(W8))
    dequantized = copy.deepcopy(conv)
    dequantized.weight.data = twin.weight.data
    assert torch.equal(twin(x), dequantized(x))
    assert torch.equal(twin.weight, twin.codes * twin.weight_scale.reshape(-1, *[1] * (conv.weight.ndim - 1)))


@every_activation
def test_qconv_is_near_the_float_layer(activation):
    conv, x = nn.Conv2d(16, 32, 3, padding=1), torch.randn(2, 16, 9, 9)
    with torch.no_grad():
        expected = conv(x)
    assert (twin_of(conv, Scheme(W8, activation), x)(x) - expected).norm() < 0.02 * expected.norm()


@integer_activation
@pytest.mark.parametrize("poison", [float("nan"), float("inf")], ids=str)
def test_a_bad_sample_of_a_convolution_is_nan_and_alone(poison, activation):
    x = torch.randn(3, 4, 20)
    twin = twin_of(nn.Conv1d(4, 6, 3), Scheme(W8, activation), x)
    clean = twin(x)
    x[1, 2, 5] = poison
    y = twin(x)
    assert y[1].isnan().all()
    assert torch.equal(y[[0, 2]], clean[[0, 2]])


@integer_activation
def test_a_sample_of_a_convolution_does_not_depend_on_its_batch(activation):
    x = torch.randn(5, 4, 20) * torch.tensor([1e-3, 1, 1e3, 0, 1]).reshape(-1, 1, 1)
    twin = twin_of(nn.Conv1d(4, 6, 3, padding=1), Scheme(W8, activation), x)
    assert torch.equal(torch.cat([twin(sample) for sample in x.split(1)]), twin(x))
