"""The quantized twin of `nn.Linear` and `transformers.Conv1D`."""

import torch
from torch import Tensor, nn

from inc_hf import ops
from inc_hf.quantize.functional import dequantize_weight
from inc_hf.quantize.nn.float_modules import op_type, weight_matrix
from inc_hf.quantize.nn.float_view import FloatView, Tensors
from inc_hf.quantize.nn.grouped import grouped_forward
from inc_hf.quantize.nn.packed_linear import PackedLinear
from inc_hf.quantize.nn.qmodule import QModule, float_of_codes
from inc_hf.quantize.nn.straight_through import StraightThrough, needs_gradients
from inc_hf.quantize.scheme import Scheme


def float_of_conv1d(tensors: Tensors, dtype: torch.dtype) -> Tensor:
    """The weight that the codes of a `Conv1D` stand for: inputs first."""
    return float_of_codes(tensors, dtype).t().contiguous()


class QLinear(PackedLinear, QModule):
    """Twin of `nn.Linear` and `transformers.Conv1D`: `y = dequantize(q(x) @ weight.T) + bias`."""

    is_conv1d = False

    def __init__(self, in_features: int, out_features: int, bias: bool, scheme: Scheme, dtype: torch.dtype):
        super().__init__(scheme, (out_features, in_features), dtype)
        self.in_features, self.out_features = in_features, out_features
        self.bias = nn.Parameter(torch.zeros(out_features, dtype=dtype), requires_grad=False) if bias else None
        # Number of dimensions of the input, where known: compressed-tensors needs another word for 2-D ones.
        self.input_ndim: int | None = None
        smoothed = scheme.smooth_alpha is not None
        self.register_buffer("smooth_scale", torch.ones(in_features, dtype=torch.float32) if smoothed else None)

    @classmethod
    def like(cls, module: nn.Module, scheme: Scheme) -> "QLinear":
        """Empty twin of `module` (which may be on the meta device)."""
        out_features, in_features = weight_matrix(module).shape
        twin = cls(in_features, out_features, module.bias is not None, scheme, module.weight.dtype)
        if op_type(module) == "Conv1D":
            twin.is_conv1d = True
            twin.show_weight()
        return twin

    def float_view(self, like: Tensor, device: torch.device) -> FloatView:
        """Of a `Conv1D`, inputs first."""
        if not self.is_conv1d:
            return super().float_view(like, device)
        return FloatView(self._buffers, float_of_conv1d, like.t().contiguous(), device)

    def forward(self, x: Tensor) -> Tensor:
        self.refuse_training(x)
        if self.scheme.activation is None:
            return self.float_forward(x, self.bias)
        if needs_gradients(x, self.bias):
            return StraightThrough.apply(x, self.bias, self)
        return self.rounded_forward(x)

    def float_forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """What a float layer of the same weight computes."""
        x = self.smoothed(x)
        weight = dequantize_weight(self.codes, self.weight_scale, x.dtype, self.weight_zero_point)
        y = nn.functional.linear(x, weight, bias)
        return ops.ACTIVATIONS[self.activation](y)

    def smoothed(self, x: Tensor) -> Tensor:
        """The input as the integer weight takes it."""
        return x if self.smooth_scale is None else (x / self.smooth_scale).to(x.dtype)

    def rounded_forward(self, x: Tensor) -> Tensor:
        """The layer on integers, without gradients."""
        x = self.smoothed(x)
        if self.runs_native(x):
            return self.native_forward(x)
        if not self.scheme.weight.is_plain:
            return grouped_forward(self, x)
        return ops.q8_linear(
            x,
            self.codes,
            self.weight_scale,
            self.bias,
            self.input_scale,
            self.input_zero_point,
            self.scheme.activation.num_bits,
            self.scale_dtype,
            self.activation,
        )

    def extra_repr(self) -> str:
        parts = [f"in_features={self.in_features}", f"out_features={self.out_features}"]
        parts += [f"bias={self.bias is not None}", self.describe_scheme()]
        if self.activation != "none":
            parts.append(self.activation)
        if self.packed is not None:
            parts.append(ops.q8_describe(self.packed))
        return ", ".join(parts)
