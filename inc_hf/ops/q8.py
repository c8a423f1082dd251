"""INT8 linear layers on packed weights. Every function has a plain-torch twin in `reference.py` or on `int_matmul`."""

import torch
from torch import Tensor

from inc_hf.ops.devices import refuse_elsewhere
from inc_hf.ops.library import is_available
from inc_hf.ops.numbers import ACTIVATIONS, IN_USE, ISAS, PACKED_KINDS, PACKINGS, name_of, number_of

HALF_DTYPES = (torch.float16, torch.bfloat16)


def rounds_to_bfloat16(scale_dtype: torch.dtype) -> bool:
    """Whether dynamic scales are rounded to bfloat16 or not at all.

    Raises:
        ValueError: any other precision.
    """
    if scale_dtype not in (torch.bfloat16, torch.float32):
        raise ValueError(f"`scale_dtype` must be torch.bfloat16 or torch.float32, got {scale_dtype}.")
    return scale_dtype == torch.bfloat16


def q8_pack(
    weight: Tensor, weight_scale: Tensor, bias: Tensor | None = None, kind: str = "auto", isa: str = ""
) -> Tensor:
    """Bring an int8 weight into the order that the kernels of this CPU read.

    The result is for this process, never for a file: it depends on the CPU. 4x1 blocks of zeros (four consecutive
    rows that share a zero column) are left out if there are enough of them to pay.

    Args:
        weight (`torch.Tensor` of shape `(out_features, in_features)`): int8, at most 65,536 columns.
        weight_scale (`torch.Tensor` of shape `(out_features, 1)`, `(out_features,)` or `(1,)`): float32, > 0.
        bias (`torch.Tensor` of shape `(out_features,)`, *optional*): float.
        kind (`str`): "auto", or "dense" or "sparse" regardless of the zeros.
        isa (`str`): the variant to pack for; "" is the one in use.

    Returns:
        `torch.Tensor`: uint8, one dimension.

    Raises:
        ValueError: wrong type, shape or device, a scale that is not positive, an unknown kind or ISA.
    """
    bias = None if bias is None else bias.float()
    isa_number = number_of(isa, ISAS, "ISA") if isa else IN_USE
    return torch.ops.inc_hf.q8_pack.default(weight, weight_scale, bias, isa_number, number_of(kind, PACKINGS, "kind"))


def q8_unpack(packed: Tensor) -> Tensor:
    """The int8 weight of shape `(out_features, in_features)` that was packed.

    Raises:
        ValueError: `packed` is corrupt; unlike the products this reads all of it.
    """
    return torch.ops.inc_hf.q8_unpack.default(packed)


def q8_describe(packed: Tensor) -> str:
    """ISA and kind of a packed weight: e.g. "avx2 sparse"."""
    isa, kind = torch.ops.inc_hf.q8_describe.default(packed)
    return f"{name_of(isa, ISAS)} {PACKED_KINDS[kind]}"


def q8_quantize(
    x: Tensor,
    scale: Tensor | None = None,
    zero_point: Tensor | None = None,
    num_bits: int = 8,
    scale_dtype: torch.dtype = torch.bfloat16,
) -> tuple[Tensor, Tensor]:
    """Quantize float32 rows once, for several weights: twin of `quantize_activation` and `per_token_scale`.

    Returns:
        `tuple[torch.Tensor, torch.Tensor]`: uint8 codes, the signed integer plus 128, of shape `(..., padded)` with
        the features padded to a multiple of 16, and float32 scales of shape `(..., 1)`; NaN for rows with NaN or Inf.
    """
    round_scale = rounds_to_bfloat16(scale_dtype)
    return torch.ops.inc_hf.q8_quantize.default(x, scale, zero_point, num_bits, round_scale)


def q8_accumulate(codes: Tensor, packed: Tensor, out_features: int, zero_point: int = 0) -> Tensor:
    """Exact `(codes - 128 - zero_point) @ weight.T`, int32: twin of `int_matmul`."""
    return torch.ops.inc_hf.q8_accumulate.default(codes, packed, zero_point, out_features)


def q8_matmul(
    codes: Tensor,
    scales: Tensor,
    packed: Tensor,
    out_features: int,
    zero_point: int = 0,
    activation: str = "none",
    residual: Tensor | None = None,
    out_scale: Tensor | None = None,
    out_zero_point: Tensor | None = None,
) -> Tensor:
    """`activation(codes @ weight.T * scales * weight_scale + bias) + residual` of what `q8_quantize` returned.

    With `out_scale`, the result is rounded to codes again, ready for the next layer.
    """
    number = number_of(activation, ACTIVATIONS, "activation")
    return torch.ops.inc_hf.q8_matmul.default(
        codes, scales, packed, zero_point, out_features, number, residual, out_scale, out_zero_point
    )


def q8_linear_packed(
    x: Tensor,
    packed: Tensor,
    out_features: int,
    input_scale: Tensor | None = None,
    input_zero_point: Tensor | None = None,
    num_bits: int = 8,
    scale_dtype: torch.dtype = torch.bfloat16,
    activation: str = "none",
    residual: Tensor | None = None,
) -> Tensor:
    """`q8_linear` on a packed weight: the same integers, and without an activation the same bits.

    Every call checks the header of `packed`. Where the columns of a sparse weight are was checked when it was packed:
    whoever writes into `packed` behind its header can make a call read beyond its memory, as `q8_unpack` would notice.

    Args:
        x (`torch.Tensor` of shape `(..., in_features)`): float32, float16 or bfloat16 activations on the CPU.
        packed (`torch.Tensor`): what `q8_pack` returned.
        out_features (`int`): rows of the packed weight.
        activation (`str`): applied to the result: "none", "relu", "gelu", "gelu_tanh", "silu" or "quick_gelu".
        residual (`torch.Tensor` of shape `(..., out_features)`, *optional*): added to the result.

    The other arguments are those of `q8_linear`.

    Raises:
        ValueError: wrong type, shape or device, `input_scale` <= 0, or a packed weight whose header is corrupt or of
            another CPU.
    """
    round_scale = rounds_to_bfloat16(scale_dtype)
    number = number_of(activation, ACTIVATIONS, "activation")
    op = torch.ops.inc_hf.q8_linear_packed.default
    if x.dtype not in HALF_DTYPES:  # the op takes float32 and refuses others
        return op(x, packed, input_scale, input_zero_point, num_bits, round_scale, out_features, number, residual)
    residual = None if residual is None else residual.float()
    y = op(x.float(), packed, input_scale, input_zero_point, num_bits, round_scale, out_features, number, residual)
    return y.to(x.dtype)


def q8_linear_portable(
    x: Tensor,
    weight: Tensor,
    weight_scale: Tensor,
    bias: Tensor | None = None,
    input_scale: Tensor | None = None,
    input_zero_point: Tensor | None = None,
    num_bits: int = 8,
    scale_dtype: torch.dtype = torch.bfloat16,
    activation: str = "none",
) -> Tensor:
    """`q8_linear` as one native op on the int8 weight itself, which it packs at every call.

    For programs that were traced before the layer was packed: they hold nothing that depends on a CPU.
    """
    round_scale = rounds_to_bfloat16(scale_dtype)
    bias = None if bias is None else bias.float()
    y = torch.ops.inc_hf.q8_linear.default(
        x.float() if x.dtype in HALF_DTYPES else x,
        weight,
        weight_scale,
        bias,
        input_scale,
        input_zero_point,
        num_bits,
        round_scale,
        number_of(activation, ACTIVATIONS, "activation"),
    )
    return y.to(x.dtype)


if is_available():
    # Shapes for torch.compile and torch.export.

    @torch.library.register_fake("inc_hf::q8_pack")
    def _(weight, weight_scale, bias, isa, kind):
        refuse_elsewhere(weight, weight_scale=weight_scale, bias=bias)
        refuse_elsewhere(weight_scale, weight=weight)
        return weight.new_empty(torch.library.get_ctx().new_dynamic_size(), dtype=torch.uint8)

    @torch.library.register_fake("inc_hf::q8_unpack")
    def _(packed):
        ctx = torch.library.get_ctx()
        return packed.new_empty(ctx.new_dynamic_size(), ctx.new_dynamic_size(), dtype=torch.int8)

    @torch.library.register_fake("inc_hf::q8_quantize")
    def _(x, scale, zero_point, num_bits, round_scale):
        refuse_elsewhere(x, scale=scale, zero_point=zero_point)
        padded = (x.shape[-1] + 15) // 16 * 16
        return x.new_empty(*x.shape[:-1], padded, dtype=torch.uint8), x.new_empty(*x.shape[:-1], 1)

    @torch.library.register_fake("inc_hf::q8_accumulate")
    def _(codes, packed, zero_point, out_features):
        refuse_elsewhere(codes, packed=packed)
        return codes.new_empty(*codes.shape[:-1], out_features, dtype=torch.int32)

    @torch.library.register_fake("inc_hf::q8_matmul")
    def _(codes, scales, packed, zero_point, out_features, activation, residual, out_scale, out_zero_point):
        refuse_elsewhere(
            codes,
            scales=scales,
            packed=packed,
            residual=residual,
            out_scale=out_scale,
            out_zero_point=out_zero_point,
        )
        if out_scale is None:
            return codes.new_empty(*codes.shape[:-1], out_features, dtype=torch.float32)
        return codes.new_empty(*codes.shape[:-1], (out_features + 15) // 16 * 16)

    @torch.library.register_fake("inc_hf::q8_linear_packed")
    def _(x, packed, input_scale, input_zero_point, num_bits, round_scale, out_features, activation, residual):
        refuse_elsewhere(
            x, packed=packed, input_scale=input_scale, input_zero_point=input_zero_point, residual=residual
        )
        return x.new_empty(*x.shape[:-1], out_features)

    @torch.library.register_fake("inc_hf::q8_linear")
    def _(x, weight, weight_scale, bias, input_scale, input_zero_point, num_bits, round_scale, activation):
        refuse_elsewhere(
            x,
            weight=weight,
            weight_scale=weight_scale,
            bias=bias,
            input_scale=input_scale,
            input_zero_point=input_zero_point,
        )
        return x.new_empty(*x.shape[:-1], weight.shape[0])
