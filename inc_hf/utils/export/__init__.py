"""INC 2.X's `neural_compressor.utils.export`."""

from inc_hf.config.elsewhere import ONNX, TENSORFLOW, elsewhere
from inc_hf.results.inc_export import torch_to_fp32_onnx, torch_to_int8_onnx

onnx_qlinear_to_qdq = elsewhere("onnx_qlinear_to_qdq", ONNX)
tf_to_fp32_onnx = elsewhere("tf_to_fp32_onnx", TENSORFLOW)
tf_to_int8_onnx = elsewhere("tf_to_int8_onnx", TENSORFLOW)

__all__ = ["onnx_qlinear_to_qdq", "tf_to_fp32_onnx", "tf_to_int8_onnx", "torch_to_fp32_onnx", "torch_to_int8_onnx"]
