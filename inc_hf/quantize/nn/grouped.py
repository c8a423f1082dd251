"""Products of integer activations with integer weights that are asymmetric or have several scales per output channel.

There is no kernel for them. Each group is multiplied in integers, exactly; what the zero points add is the sums of the
rows and columns:

    y = input_scale * sum_g scale_g * (q_x q_w - z_x sum(q_w) - z_w (sum(q_x) - n z_x))
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from inc_hf import ops

if TYPE_CHECKING:
    from inc_hf.quantize.nn.qlinear import QLinear


def grouped_forward(module: "QLinear", x: Tensor) -> Tensor:
    """The layer on integers in plain torch, for `x` of shape `(..., in_features)`; rows with NaN or Inf become NaN."""
    rows, activation = x.reshape(-1, x.shape[-1]), module.scheme.activation
    scale = module.input_scale
    if scale is None:
        scale = ops.per_token_scale(rows, activation.num_bits, module.scale_dtype)
    codes = ops.quantize_activation(rows, scale, module.input_zero_point, activation.num_bits)
    y = grouped_product(codes, module.input_zero_point, module.codes, module.weight_scale, module.weight_zero_point)
    y = y.to(ops.compute_dtype(x.dtype)) * scale
    if module.bias is not None:
        y += module.bias
    y = ops.ACTIVATIONS[module.activation](y)
    y[~rows.isfinite().all(-1)] = torch.nan
    return y.reshape(*x.shape[:-1], module.out_features).to(x.dtype)


def grouped_product(
    codes: Tensor, zero_point: Tensor | None, weight: Tensor, weight_scale: Tensor, weight_zero_point: Tensor | None
) -> Tensor:
    """`(codes - zero_point) @ w.T`, `w` being what the integer weight stands for, in float32.

    Args:
        codes (`torch.Tensor` of shape `(rows, in_features)`): int8, with the zero point of all or None.
        weight (`torch.Tensor` of shape `(out_features, in_features)`): int8.
        weight_scale, weight_zero_point (`torch.Tensor` of shape `(out_features, groups)`): of each group of inputs.
    """
    groups = weight_scale.shape[1]
    shift = 0 if zero_point is None else int(zero_point)
    y = torch.zeros(len(codes), len(weight), device=codes.device)
    for i, (a, w) in enumerate(zip(codes.chunk(groups, 1), weight.chunk(groups, 1), strict=True)):
        sums = ops.int_matmul(a, w) - shift * w.sum(1, dtype=torch.int32)
        if weight_zero_point is not None:
            of_rows = a.sum(1, keepdim=True, dtype=torch.int32) - shift * a.shape[1]
            sums -= of_rows * weight_zero_point[:, i].to(torch.int32)
        y += sums.float() * weight_scale[:, i]
    return y
