"""The integer operations: native kernels where the library is built, plain torch everywhere, always the same integers.

packed = ops.q8_pack(weight, weight_scale, bias)                 # once per layer
y = ops.q8_linear_packed(x, packed, out_features)                # fast
y = ops.q8_linear(x, weight, weight_scale, bias)                 # its plain-torch twin

What works on a weight says its type first, `q8_` or `bf16_`, and bears the name of its native op.
"""

from inc_hf.ops.bf16 import bf16_linear, bf16_linear_packed, bf16_pack, bf16_unpack, multiplies_in_bf16
from inc_hf.ops.installation import line_for_kernels
from inc_hf.ops.library import (
    ISAS,
    default_weight_bits,
    is_available,
    is_native,
    isa,
    refused_isas,
    supported_isas,
    why_unavailable,
)
from inc_hf.ops.q8 import (
    q8_accumulate,
    q8_describe,
    q8_linear_packed,
    q8_linear_portable,
    q8_matmul,
    q8_pack,
    q8_quantize,
    q8_unpack,
)
from inc_hf.ops.reference import (
    ACTIVATIONS,
    activation_range,
    compute_dtype,
    has_vnni,
    int_matmul,
    per_token_scale,
    q8_linear,
    quantize_activation,
    weight_qmax,
)
from inc_hf.ops.units import q8_expand

__all__ = [
    "ACTIVATIONS",
    "ISAS",
    "activation_range",
    "bf16_linear",
    "bf16_linear_packed",
    "bf16_pack",
    "bf16_unpack",
    "compute_dtype",
    "default_weight_bits",
    "has_vnni",
    "int_matmul",
    "is_available",
    "is_native",
    "isa",
    "line_for_kernels",
    "multiplies_in_bf16",
    "per_token_scale",
    "q8_accumulate",
    "q8_describe",
    "q8_expand",
    "q8_linear",
    "q8_linear_packed",
    "q8_linear_portable",
    "q8_matmul",
    "q8_pack",
    "q8_quantize",
    "q8_unpack",
    "quantize_activation",
    "refused_isas",
    "supported_isas",
    "weight_qmax",
    "why_unavailable",
]

# As they were called before their names said the type.
OLD_NAMES = {
    "accumulate": q8_accumulate,
    "describe_packed": q8_describe,
    "matmul": q8_matmul,
    "pack_linear": q8_pack,
    "quantize_rows": q8_quantize,
    "unpack_linear": q8_unpack,
}


def __getattr__(name: str):
    if name in OLD_NAMES:
        return OLD_NAMES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
