"""The modules of few bits, and the weights that they run on."""

from inc_hf.quantize.nn.bf16_embedding import BF16Embedding
from inc_hf.quantize.nn.bf16_linear import BF16Linear
from inc_hf.quantize.nn.float_modules import op_type, weight_matrix
from inc_hf.quantize.nn.packed_linear import PackedLinear
from inc_hf.quantize.nn.packed_weight import PackedWeight, as_parameter
from inc_hf.quantize.nn.qconv import QConv
from inc_hf.quantize.nn.qembedding import QEmbedding
from inc_hf.quantize.nn.qlinear import QLinear
from inc_hf.quantize.nn.qmodule import FloatWeightView, QModule
from inc_hf.quantize.nn.twins import empty_twin, quantized_modules

__all__ = [
    "BF16Embedding",
    "BF16Linear",
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
