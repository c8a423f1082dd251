"""Where the modules of `inc_hf.quantize.nn` were before; the names are the same."""

from inc_hf.quantize.nn import (
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
    "QConv",
    "QEmbedding",
    "QLinear",
    "QModule",
    "empty_twin",
    "op_type",
    "quantized_modules",
    "weight_matrix",
]
