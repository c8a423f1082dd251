"""The integer operations, in plain torch: exact to the integer, on every CPU.

Activations are quantized to signed `num_bits` integers in [-2^(b-1), 2^(b-1) - 1], weights to symmetric ones in
[-(2^(b-1) - 1), 2^(b-1) - 1]. Rounding is to nearest even, as in compressed-tensors, so that a checkpoint computes
the same integers here and in stock transformers.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

# A sum of 1024 products of magnitude <= 128 * 128 is at most 2^24: float32 holds every partial sum exactly,
# whatever the order of the additions, so that a float GEMM gives the exact integer.
EXACT_FP32_DEPTH = 1024

ACTIVATIONS = {
    "none": lambda y: y,
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda y: F.gelu(y, approximate="tanh"),
    "silu": F.silu,
    "quick_gelu": lambda y: y * torch.sigmoid(1.702 * y),
}


def activation_range(num_bits: int) -> tuple[int, int]:
    """`(qmin, qmax)` of an activation of `num_bits`, e.g. (-128, 127)."""
    return -(1 << (num_bits - 1)), (1 << (num_bits - 1)) - 1


def weight_qmax(num_bits: int) -> int:
    """Largest weight integer of `num_bits`: 127 for 8 bits, 63 for 7, 7 for 4. The smallest is its negative."""
    return (1 << (num_bits - 1)) - 1


def has_vnni() -> bool:
    """Whether this CPU adds products of 8-bit integers in 32 bits: VNNI, AMX, or `dot` as torch calls it on ARM."""
    if not hasattr(torch.cpu, "get_capabilities"):  # before torch 2.11, which IPEX needs
        return torch.cpu._is_vnni_supported()
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_vnni", "avx_vnni", "amx_int8", "dot"))


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """float32 for half precisions and float32, float64 for float64: the dtype in which scales are applied."""
    return torch.promote_types(dtype, torch.float32)


def per_token_scale(x: Tensor, num_bits: int = 8, scale_dtype: torch.dtype = torch.bfloat16) -> Tensor:
    """Dynamic symmetric scale of each row of `x`, `amax / ((2^b - 1) / 2)`, of shape `(..., 1)`, float32.

    The formula (amax / 127.5 for 8 bits), the rounding to `scale_dtype` and the epsilon of an all-zero row are
    those of compressed-tensors. Without the rounding, -amax would fall on -127.5, right between two integers, and
    the last bit of the input, which depends on who shares the batch, would decide.
    """
    amax = x.abs().amax(-1, keepdim=True).to(compute_dtype(x.dtype))
    scale = (amax / (((1 << num_bits) - 1) / 2)).to(scale_dtype).to(amax.dtype)
    return torch.where(scale == 0, torch.finfo(scale_dtype).eps, scale)


def quantize_activation(x: Tensor, scale: Tensor, zero_point: Tensor | None = None, num_bits: int = 8) -> Tensor:
    """Round `x / scale + zero_point` to int8 and clamp it to the range of `num_bits`; NaN becomes 0.

    Args:
        x (`torch.Tensor` of shape `(..., features)`): float activations.
        scale (`torch.Tensor`): float32, broadcastable to `x`, > 0.
        zero_point (`torch.Tensor`, *optional*): int8, broadcastable to `x`; None is 0.
    """
    qmin, qmax = activation_range(num_bits)
    scaled = x.to(compute_dtype(x.dtype)) / scale
    if zero_point is not None:
        scaled += zero_point
    return scaled.clamp_(qmin, qmax).round_().nan_to_num_(0.0).to(torch.int8)


def int_matmul(a: Tensor, w: Tensor) -> Tensor:
    """Exact `a @ w.T` of int8 matrices: `a` of shape `(tokens, in)`, `w` of shape `(out, in)`, result int32."""
    total = torch.zeros(a.shape[0], w.shape[0], dtype=torch.int32, device=a.device)
    for start in range(0, a.shape[1], EXACT_FP32_DEPTH):
        chunk = slice(start, start + EXACT_FP32_DEPTH)
        with torch.autocast(a.device.type, enabled=False):  # in bfloat16 the sums would be rounded
            total += (a[:, chunk].float() @ w[:, chunk].float().T).to(torch.int32)
    return total


def q8_linear(
    x: Tensor,
    weight: Tensor,
    weight_scale: Tensor,
    bias: Tensor | None = None,
    input_scale: Tensor | None = None,
    input_zero_point: Tensor | None = None,
    num_bits: int = 8,
    scale_dtype: torch.dtype = torch.bfloat16,
    activation: str = "none",
    residual: Tensor | None = None,
) -> Tensor:
    """Quantize `x`, multiply in integers, scale back: the plain-torch twin of `q8_linear_packed`.

    `y = float(q(x) @ weight.T - zero_point * rowsum(weight)) * input_scale * weight_scale + bias`, in float32, then
    cast to the dtype of `x`. A row depends on nothing but itself. Rows with NaN or Inf come out as NaN.

    Args:
        x (`torch.Tensor` of shape `(..., in_features)`): float activations.
        weight (`torch.Tensor` of shape `(out_features, in_features)`): int8.
        weight_scale (`torch.Tensor` of shape `(out_features, 1)` or `(1,)`): float32.
        bias (`torch.Tensor` of shape `(out_features,)`, *optional*): float.
        input_scale (`torch.Tensor` of shape `(1,)`, *optional*): static scale; None is dynamic, per token.
        input_zero_point (`torch.Tensor` of shape `(1,)`, *optional*): int8, for static asymmetric activations.
        num_bits (`int`): bits of the activations.
        scale_dtype (`torch.dtype`): precision of dynamic scales, see `per_token_scale`.
        activation (`str`): applied to the result, one of `ACTIVATIONS`.
        residual (`torch.Tensor` of shape `(..., out_features)`, *optional*): added last.
    """
    if weight.dtype != torch.int8:
        raise ValueError(f"`weight` must be int8, got {weight.dtype}; of a quantized module, pass its `codes`.")
    rows = x.reshape(-1, x.shape[-1])
    scale = per_token_scale(rows, num_bits, scale_dtype) if input_scale is None else input_scale
    accumulator = int_matmul(quantize_activation(rows, scale, input_zero_point, num_bits), weight)
    if input_zero_point is not None:
        accumulator -= input_zero_point.to(torch.int32) * weight.sum(-1, dtype=torch.int32)
    y = accumulator.to(compute_dtype(x.dtype)) * scale * weight_scale.reshape(-1)
    if bias is not None:
        y += bias
    if activation not in ACTIVATIONS:
        raise ValueError(f"Unknown activation {activation!r}; choose one of {', '.join(ACTIVATIONS)}.")
    y = ACTIVATIONS[activation](y)
    y[~rows.isfinite().all(-1)] = torch.nan
    y = y.reshape(*x.shape[:-1], weight.shape[0])
    if residual is not None:
        y = y + residual
    return y.to(x.dtype)
