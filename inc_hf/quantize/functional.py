"""Scales, zero points and integers of weights and activations: functions of tensors, no modules."""

import torch
from torch import Tensor

from inc_hf.errors import UsageError
from inc_hf.ops import activation_range, weight_qmax

# Rows are quantized in slices of about this many elements, so that temporaries stay small beside the layer itself.
SLICE_ELEMENTS = 1 << 22


def quantize_weight(weight: Tensor, num_bits: int = 8, per_channel: bool = True) -> tuple[Tensor, Tensor]:
    """Symmetric integers of a weight and their scale, `amax / (2^(b-1) - 1)`; zeros stay exactly zero.

    Args:
        weight (`torch.Tensor` of shape `(out, ...)`): any float dtype; computed in float32.
        num_bits (`int`): 2 to 8.
        per_channel (`bool`): one scale per output channel (dim 0), otherwise one for the tensor.

    Returns:
        int8 tensor of the weight's shape, and float32 scale of shape `(out, 1)`, or `(1,)` per tensor.

    Raises:
        ValueError: the weight has a NaN or an infinite value.
    """
    matrix = weight.detach().reshape(weight.shape[0], -1)
    amax = matrix.abs().amax(1).float() if matrix.numel() else torch.zeros(matrix.shape[0])
    if not amax.isfinite().all():
        raise UsageError("The weight has NaN or infinite values, so it has no scale; check the FP32 model.")
    qmax = weight_qmax(num_bits)
    scale = (amax if per_channel else amax.amax(0, keepdim=True)) / qmax
    # Denormal scales are too coarse, and many CPUs take them for 0.
    scale = torch.where(scale < torch.finfo(torch.float32).tiny, torch.finfo(torch.float32).eps, scale)
    codes = torch.empty(matrix.shape, dtype=torch.int8, device=weight.device)
    rows_per_slice = max(1, SLICE_ELEMENTS // max(1, matrix.shape[1]))
    for start in range(0, matrix.shape[0], rows_per_slice):
        rows = slice(start, start + rows_per_slice)
        row_scale = scale[rows, None] if per_channel else scale
        codes[rows] = (matrix[rows].float() / row_scale).round_().clamp_(-qmax, qmax).to(torch.int8)
    return codes.reshape(weight.shape), scale[:, None] if per_channel else scale


def quantize_groups(
    weight: Tensor, num_bits: int = 8, symmetric: bool = True, groups: int = 1
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Integers of a matrix with a scale, and if not `symmetric` a zero point, for each group of inputs.

    Symmetric as `quantize_weight`. Asymmetric: the range of a group is widened to contain 0, `scale = (high - low) /
    (2^b - 1)`, `zero_point = round(qmin - low / scale)`, codes `round(w / scale) + zero_point`; zeros stay zero.

    Args:
        weight (`torch.Tensor` of shape `(out, in)`): `in` is a multiple of `groups`.

    Returns:
        int8 tensor of the weight's shape, float32 scale and int8 zero point (or None) of shape `(out, groups)`.
    """
    rows = weight.detach().reshape(len(weight) * groups, -1)
    if symmetric:
        codes, scale = quantize_weight(rows, num_bits)
        return codes.reshape(weight.shape), scale.reshape(-1, groups), None
    qmin, qmax = activation_range(num_bits)
    low, high = (each.float() for each in torch.aminmax(rows, dim=1, keepdim=True))
    if not bool((low.isfinite() & high.isfinite()).all()):
        raise UsageError("The weight has NaN or infinite values, so it has no scale; check the FP32 model.")
    low, high = low.clamp(max=0), high.clamp(min=0)
    scale = (high - low) / (qmax - qmin)
    scale = torch.where(scale < torch.finfo(torch.float32).tiny, torch.finfo(torch.float32).eps, scale)
    zero = (qmin - low / scale).round().clamp(qmin, qmax)
    codes = torch.empty(rows.shape, dtype=torch.int8, device=weight.device)
    size = max(1, SLICE_ELEMENTS // max(1, rows.shape[1]))
    for part, out, step, shift in zip(*(each.split(size) for each in (rows, codes, scale, zero)), strict=True):
        out.copy_(((part.float() / step).round_() + shift).clamp_(qmin, qmax))
    return codes.reshape(weight.shape), scale.reshape(-1, groups), zero.reshape(-1, groups).to(torch.int8)


def dequantize_weight(
    codes: Tensor, scale: Tensor, dtype: torch.dtype = torch.float32, zero_point: Tensor | None = None
) -> Tensor:
    """Float weight of `codes` of shape `(out, ...)` and the scale that `quantize_weight` returned, or the scale and
    the zero point of `quantize_groups`."""
    if zero_point is not None or (scale.ndim == 2 and scale.shape[1] > 1):
        groups = codes.reshape(*scale.shape, -1).float()
        centred = groups if zero_point is None else groups - zero_point[..., None]
        return (centred * scale[..., None]).reshape(codes.shape).to(dtype)
    per_row = scale.reshape(-1, *[1] * (codes.ndim - 1)) if scale.numel() > 1 else scale.reshape(())
    return (codes.float() * per_row).to(dtype)


def activation_qparams(low: float, high: float, symmetric: bool, num_bits: int = 8) -> tuple[Tensor, Tensor | None]:
    """Static scale and zero point of a range `[low, high]`, which is widened to contain 0.

    Symmetric: `scale = max(|low|, |high|) / (2^(b-1) - 1)`, no zero point. Asymmetric:
    `scale = (high - low) / (2^b - 1)`, `zero_point = round(qmin - low / scale)`.

    Returns:
        float32 scale of shape `(1,)` and int8 zero point of shape `(1,)`, or None when symmetric.
    """
    qmin, qmax = activation_range(num_bits)
    low, high = min(low, 0.0), max(high, 0.0)
    width = max(-low, high) / qmax if symmetric else (high - low) / (qmax - qmin)
    scale = torch.tensor([max(width, torch.finfo(torch.float32).eps)], dtype=torch.float32)
    if symmetric:
        return scale, None
    zero_point = torch.tensor([qmin - low / scale.item()]).round().clamp(qmin, qmax)
    return scale, zero_point.to(torch.int8)
