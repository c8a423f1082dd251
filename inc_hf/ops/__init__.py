"""The integer operations: native kernels where the library is built, plain torch everywhere, always the same integers.

packed = ops.pack_linear(weight, weight_scale, bias)             # once per layer
y = ops.q8_linear_packed(x, packed, out_features)                # fast
y = ops.q8_linear(x, weight, weight_scale, bias)                 # its plain-torch twin
"""

from inc_hf.ops.bf16 import multiplies_in_bf16
from inc_hf.ops.library import ISAS, default_weight_bits, is_available, is_native, isa, supported_isas, why_unavailable
from inc_hf.ops.q8 import (
    accumulate,
    describe_packed,
    matmul,
    pack_linear,
    q8_linear_packed,
    q8_linear_portable,
    quantize_rows,
    unpack_linear,
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

__all__ = [
    "ACTIVATIONS",
    "ISAS",
    "accumulate",
    "activation_range",
    "compute_dtype",
    "default_weight_bits",
    "describe_packed",
    "has_vnni",
    "int_matmul",
    "is_available",
    "is_native",
    "isa",
    "matmul",
    "multiplies_in_bf16",
    "pack_linear",
    "per_token_scale",
    "q8_linear",
    "q8_linear_packed",
    "q8_linear_portable",
    "quantize_activation",
    "quantize_rows",
    "supported_isas",
    "unpack_linear",
    "weight_qmax",
    "why_unavailable",
]
