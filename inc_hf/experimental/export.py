"""INC 1.X's `neural_compressor.experimental.export`."""

from inc_hf.results.inc_export import torch_to_fp32_onnx, torch_to_int8_onnx

__all__ = ["torch_to_fp32_onnx", "torch_to_int8_onnx"]
