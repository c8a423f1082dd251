"""INC 2.X's `neural_compressor.model.onnx_model`."""

from inc_hf.model.model import ONNXModel

__all__ = ["ONNXModel"]
