"""The modules of few bits, and the weights that they run on."""

from inc_hf.quantize.nn.bf16_embedding import BF16Embedding
from inc_hf.quantize.nn.bf16_linear import BF16Linear
from inc_hf.quantize.nn.float_modules import op_type, weight_matrix, weight_owner
from inc_hf.quantize.nn.float_view import FloatView
from inc_hf.quantize.nn.packed_linear import PackedLinear
from inc_hf.quantize.nn.packed_weight import PackedWeight
from inc_hf.quantize.nn.qconv import QConv
from inc_hf.quantize.nn.qembedding import QEmbedding
from inc_hf.quantize.nn.qlinear import QLinear
from inc_hf.quantize.nn.qmodule import QModule, float_of_codes
from inc_hf.quantize.nn.stored_weight import StoredWeight
from inc_hf.quantize.nn.twins import copy_attributes, empty_twin, quantized_modules

__all__ = [
    "BF16Embedding",
    "BF16Linear",
    "FloatView",
    "PackedLinear",
    "PackedWeight",
    "QConv",
    "QEmbedding",
    "QLinear",
    "QModule",
    "StoredWeight",
    "copy_attributes",
    "empty_twin",
    "float_of_codes",
    "op_type",
    "quantized_modules",
    "weight_matrix",
    "weight_owner",
]
