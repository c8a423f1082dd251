"""Rounding in float to the values of the integer kernels, with gradients that go straight through.

The gradient of rounding is taken as 1 where the value was in range and 0 where it was clipped (Bengio et al. 2013,
arXiv 1308.3432; Jacob et al. 2018, arXiv 1712.05877).
"""

import torch
from torch import Tensor

from inc_hf import ops
from inc_hf.quantize.correct import integers_of
from inc_hf.quantize.functional import activation_qparams, dequantize_weight
from inc_hf.quantize.scheme import ActivationScheme, WeightScheme


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, rounded: Tensor, inside: Tensor | None) -> Tensor:
        ctx.inside = inside
        return rounded.view_as(rounded)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple:
        return gradient if ctx.inside is None else gradient * ctx.inside, None, None


@torch.no_grad()
def rounded_weight(weight: Tensor, scheme: WeightScheme) -> Tensor:
    """What `dequantize_weight` makes of the integers of `integers_of`."""
    codes, scale, zero_point = integers_of(weight, scheme)
    return dequantize_weight(codes, scale, weight.dtype, zero_point)


def fake_quantize_weight(weight: Tensor, scheme: WeightScheme) -> Tensor:
    """`weight` of shape `(out, ...)` on the grid of its integers; its zeros stay exactly zero.

    The largest value of a channel sets the scale, so that nothing is clipped and the gradient passes unchanged.
    """
    return _StraightThrough.apply(weight, rounded_weight(weight, scheme), None)


@torch.no_grad()
def _rounded(x: Tensor, scale: Tensor, zero_point: Tensor | None, num_bits: int) -> Tensor:
    codes = ops.quantize_activation(x, scale, zero_point, num_bits).to(scale.dtype)
    if zero_point is not None:
        codes -= zero_point
    return (codes * scale).to(x.dtype)


def fake_quantize_tokens(x: Tensor, scheme: ActivationScheme) -> Tensor:
    """`x` of shape `(..., features)` on the grid of the dynamic scales of its rows, see `ops.per_token_scale`."""
    scale = ops.per_token_scale(x.detach(), scheme.num_bits, getattr(torch, scheme.scale_dtype))
    return _StraightThrough.apply(x, _rounded(x, scale, None, scheme.num_bits), None)


def fake_quantize_range(x: Tensor, low: float, high: float, scheme: ActivationScheme) -> Tensor:
    """`x` clipped to the static range `(low, high)` and on its grid, see `functional.activation_qparams`."""
    scale, zero_point = activation_qparams(low, high, scheme.symmetric, scheme.num_bits)
    qmin, qmax = ops.activation_range(scheme.num_bits)
    shift = 0 if zero_point is None else zero_point.to(scale.dtype)  # int8 has no room for `qmax - zero_point`
    steps = x.detach().to(scale.dtype) / scale
    inside = (steps >= qmin - shift) & (steps <= qmax - shift)
    return _StraightThrough.apply(x, _rounded(x, scale, zero_point, scheme.num_bits), inside)
