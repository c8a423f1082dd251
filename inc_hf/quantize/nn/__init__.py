"""The modules of few bits, and the weights that they run on."""

from inc_hf.quantize.nn.packed_linear import PackedLinear
from inc_hf.quantize.nn.packed_weight import PackedWeight, as_parameter
from inc_hf.quantize.nn.qmodule import (
    FloatWeightView,
    QConv,
    QEmbedding,
    QLinear,
    QModule,
    empty_twin,
    op_type,
    quantized_modules,
    weight_matrix,
)

__all__ = [
    "FloatWeightView",
    "PackedLinear",
    "PackedWeight",
    "QConv",
    "QEmbedding",
    "QLinear",
    "QModule",
    "as_parameter",
    "empty_twin",
    "op_type",
    "quantized_modules",
    "weight_matrix",
]
