"""Linear layers on bfloat16 weights, everything else in float32: native on packed weights, or plain torch."""

import torch
from torch import Tensor
from torch.nn import functional as F

from inc_hf.ops.devices import refuse_elsewhere
from inc_hf.ops.elementwise import activate_reference
from inc_hf.ops.library import is_available, is_native
from inc_hf.ops.numbers import ACTIVATIONS, BF16_VARIANTS, IN_USE, name_of, number_of


def bf16_variants() -> list[str]:
    """The variants of the kernels that this CPU executes, best first; empty without the library."""
    numbers = BF16_VARIANTS if is_available() else {}
    return [name for name, number in numbers.items() if torch.ops.inc_hf.bf16_is_supported(number)]


def bf16_variant() -> str:
    """The variant that runs; the library must be there."""
    return name_of(torch.ops.inc_hf.bf16_variant(), BF16_VARIANTS)


def bf16_describe(packed: Tensor) -> str:
    """The variant that `packed` is for."""
    return name_of(torch.ops.inc_hf.bf16_describe.default(packed), BF16_VARIANTS)


def multiplies_in_bf16() -> bool:
    """Whether our kernels multiply by instructions for bfloat16, which rounds activations as well, or in float32.

    They do where that is faster: on AMX, and with AVX512-BF16 on AMD's CPUs. With the latter, Intel's take longer than
    for float32.
    """
    return is_native() and bf16_variant() in ("amx", "avx512bf16")


def bf16_pack(weight: Tensor, bias: Tensor | None = None, variant: str = "") -> Tensor:
    """Bring a bfloat16 weight into the order that the kernels of this CPU read.

    The result is for this process, never for a file: it depends on the CPU.

    Args:
        weight (`torch.Tensor` of shape `(out_features, in_features)`): bfloat16, not empty.
        bias (`torch.Tensor` of shape `(out_features,)`, *optional*): float, kept in float32.
        variant (`str`): "amx", "avx512bf16", "avx512", "avx2", "neondot" or "scalar"; "" is the one in use.

    Returns:
        `torch.Tensor`: uint8, one dimension.

    Raises:
        ValueError: wrong type, shape or device, or a variant that is unknown or that this CPU lacks.
    """
    bias = None if bias is None else bias.detach().float()
    number = number_of(variant, BF16_VARIANTS, "variant") if variant else IN_USE
    return torch.ops.inc_hf.bf16_pack.default(weight.detach(), bias, number)


pack_bf16 = bf16_pack  # as it was called before


def bf16_unpack(packed: Tensor) -> Tensor:
    """The bfloat16 weight of shape `(out_features, in_features)` that was packed, bit for bit."""
    return torch.ops.inc_hf.bf16_unpack.default(packed)


def bf16_linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    activation: str = "none",
    residual: Tensor | None = None,
) -> Tensor:
    """`activation(x @ weight.T + bias) + residual` on a bfloat16 weight: the plain-torch twin of `bf16_linear_packed`.

    Computed in float32, in float64 if `x` is, also under autocast; then cast to the dtype of `x`.

    Args:
        x (`torch.Tensor` of shape `(..., in_features)`): float activations.
        weight (`torch.Tensor` of shape `(out_features, in_features)`): bfloat16.
        bias (`torch.Tensor` of shape `(out_features,)`, *optional*): float.
        activation (`str`): applied to the result: "none", "relu", "gelu", "gelu_tanh", "silu" or "quick_gelu".
        residual (`torch.Tensor` of shape `(..., out_features)`, *optional*): added to the result.

    Raises:
        ValueError: an unknown activation, or a residual of another shape than the result.
    """
    dtype = torch.promote_types(x.dtype, torch.float32)
    with torch.autocast(x.device.type, enabled=False):
        y = F.linear(x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype))
    y = activate_reference(y, activation)
    if residual is not None:
        if residual.shape != y.shape:
            raise ValueError(f"`residual` must have the shape of the result, {(*y.shape,)}, got {(*residual.shape,)}.")
        y = y + residual
    return y.to(x.dtype)


def bf16_linear_packed(
    x: Tensor, packed: Tensor, out_features: int, activation: str = "none", residual: Tensor | None = None
) -> Tensor:
    """`bf16_linear` on a packed weight; a row of the result depends on its row of `x` alone.

    If `s = abs(x) @ abs(weight).T + abs(bias)`, before the activation the error is at most `in_features * 2**-23 * s`;
    the variants "amx" and "avx512bf16" also round `x` to bfloat16, which adds up to `2**-8 * s`, and take subnormals
    for zero. float64, other devices than the CPU and whatever needs gradients unpack the weight and go through
    `bf16_linear`.

    Args:
        x (`torch.Tensor` of shape `(..., in_features)`): float activations.
        packed (`torch.Tensor`): what `bf16_pack` returned.
        out_features (`int`): rows of the packed weight.
        activation (`str`): applied to the result: "none", "relu", "gelu", "gelu_tanh", "silu" or "quick_gelu".
        residual (`torch.Tensor` of shape `(..., out_features)`, *optional*): added to the result.

    Returns:
        `torch.Tensor` of shape `(..., out_features)`: of the dtype of `x`.

    Raises:
        ValueError: wrong type or shape, an unknown activation, or a packed weight that is corrupt or of another CPU.
    """
    differentiable = torch.is_grad_enabled() and (x.requires_grad or (residual is not None and residual.requires_grad))
    if x.dtype == torch.float64 or x.device.type not in ("cpu", "meta") or differentiable:
        weight, bias = bf16_unpack(packed), torch.ops.inc_hf.bf16_unpack_bias.default(packed)
        return bf16_linear(x, weight.to(x.device), bias.to(x.device), activation, residual)
    number = number_of(activation, ACTIVATIONS, "activation")
    op = torch.ops.inc_hf.bf16_linear_packed.default
    if x.dtype not in (torch.float16, torch.bfloat16):
        return op(x, packed, out_features, number, residual)
    return op(x.float(), packed, out_features, number, None if residual is None else residual.float()).to(x.dtype)


if is_available():
    # Shapes for torch.compile and torch.export.

    @torch.library.register_fake("inc_hf::bf16_pack")
    def _(weight, bias, variant):
        refuse_elsewhere(weight, bias=bias)
        return weight.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.uint8)

    @torch.library.register_fake("inc_hf::bf16_unpack")
    def _(packed):
        ctx = torch.library.get_ctx()
        return packed.new_empty(ctx.new_dynamic_size(), ctx.new_dynamic_size(), dtype=torch.bfloat16)

    @torch.library.register_fake("inc_hf::bf16_unpack_bias")
    def _(packed):
        return packed.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.float32)

    @torch.library.register_fake("inc_hf::bf16_linear_packed")
    def _(x, packed, out_features, activation, residual):
        refuse_elsewhere(x, packed=packed, residual=residual)
        return x.new_empty(*x.shape[:-1], out_features)
