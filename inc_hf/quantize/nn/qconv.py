"""The quantized twin of `nn.Conv1d` and `nn.Conv2d`."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from inc_hf import ops
from inc_hf.quantize.nn.qmodule import IN_PLAIN_TORCH, WEIGHTS_ONLY, QModule
from inc_hf.quantize.nn.straight_through import StraightThrough, needs_gradients
from inc_hf.quantize.scheme import Scheme


class QConv(QModule):
    """Twin of `nn.Conv1d` and `nn.Conv2d`. Dynamic activations have one scale per sample of the batch.

    Samples with NaN or Inf come out as NaN.
    """

    def __init__(self, weight_shape: tuple[int, ...], bias: bool, settings: dict, scheme: Scheme, dtype):
        super().__init__(scheme, weight_shape, dtype)
        self.settings = settings
        self.bias = nn.Parameter(torch.zeros(weight_shape[0], dtype=dtype), requires_grad=False) if bias else None

    @classmethod
    def like(cls, module: nn.Conv1d | nn.Conv2d, scheme: Scheme) -> "QConv":
        """Empty twin of `module`, which must pad with zeros."""
        settings = {name: getattr(module, name) for name in ("stride", "padding", "dilation", "groups")}
        return cls(tuple(module.weight.shape), module.bias is not None, settings, scheme, module.weight.dtype)

    def forward(self, x: Tensor) -> Tensor:
        self.refuse_training(x)
        if x.ndim < self.codes.ndim:  # one sample without the dimension of the batch
            return self.forward(x.unsqueeze(0)).squeeze(0)
        if self.scheme.activation is None:
            return self.float_forward(x, self.bias)
        if needs_gradients(x, self.bias):
            return StraightThrough.apply(x, self.bias, self)
        return self.rounded_forward(x)

    def kernel(self) -> str:
        """What computes it: there is no kernel of ours for convolutions."""
        return WEIGHTS_ONLY if self.scheme.activation is None else IN_PLAIN_TORCH

    def float_forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """What a float layer of the same weight computes."""
        return self.convolve(x, self.dequantize().to(x.dtype), bias, **self.settings)

    @property
    def convolve(self) -> Callable[..., Tensor]:
        """The convolution of as many dimensions."""
        return nn.functional.conv1d if self.codes.ndim == 3 else nn.functional.conv2d

    def rounded_forward(self, x: Tensor) -> Tensor:
        """The layer on integers, without gradients."""
        num_bits = self.scheme.activation.num_bits
        spatial = [1] * (x.ndim - 2)
        scale = self.input_scale
        if scale is None:
            scale = ops.per_token_scale(x.flatten(1), num_bits, self.scale_dtype).reshape(-1, 1, *spatial)
        # float64 holds every sum of int8 products exactly; padding with 0 after the zero point is taken off is exact.
        codes = ops.quantize_activation(x, scale, self.input_zero_point, num_bits).double()
        if self.input_zero_point is not None:
            codes -= self.input_zero_point
        accumulator = self.convolve(codes, self.codes.double(), **self.settings)
        y = accumulator.to(ops.compute_dtype(x.dtype)) * scale * self.weight_scale.reshape(-1, *spatial)
        if self.bias is not None:
            y += self.bias.reshape(-1, *spatial)
        y[~x.flatten(1).isfinite().all(-1)] = torch.nan
        return y.to(x.dtype)

    def extra_repr(self) -> str:
        return f"weight={tuple(self.codes.shape)}, {self.describe_scheme()}"
