"""Reading and writing quantized checkpoints.

Two formats, both JSON in `config.json` and safetensors beside it:

- compressed-tensors `int-quantized` (the default): stock transformers with the compressed-tensors package loads it and
  computes the same numbers; vLLM loads what has embeddings and heads in float (`runtime="vllm"`).
- `quant_method: inc`, for what that cannot express (convolutions, `transformers.Conv1D`, packed 4-bit weights).
  Weights are stored in a shape that a stock transformers refuses, so that it never loads integers as floats.

This package is imported while transformers is half imported, see `inc_hf/_registration.py`: nothing that it imports,
however indirectly, may import from transformers at its top, but the quantizers API in quantizer.py and stock.py.
Annotations take `TYPE_CHECKING`.
"""

from inc_hf.checkpoint.attach import attach_quantizer, attach_quantizers
from inc_hf.checkpoint.describe import quantization_config_of
from inc_hf.checkpoint.plain import load_plain
from inc_hf.checkpoint.quantizer import IncHfQuantizer, IncQuantizationConfig
from inc_hf.checkpoint.save import replace_directory, save_checkpoint, write_model
from inc_hf.checkpoint.stock import StockQuantizer
from inc_hf.checkpoint.validate import CheckpointError, validate_model

__all__ = [
    "CheckpointError",
    "IncHfQuantizer",
    "IncQuantizationConfig",
    "StockQuantizer",
    "attach_quantizer",
    "attach_quantizers",
    "load_plain",
    "quantization_config_of",
    "replace_directory",
    "save_checkpoint",
    "validate_model",
    "write_model",
]
