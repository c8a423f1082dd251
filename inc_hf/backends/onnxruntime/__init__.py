"""ONNX Runtime: export of float and quantized models, and sessions that run the files."""

from inc_hf.backends.onnxruntime.export import export_onnx, onnx_graph, write_onnx
from inc_hf.backends.onnxruntime.program import ExportError
from inc_hf.backends.onnxruntime.session import OnnxSession, open_session, require_export, require_onnxruntime

__all__ = [
    "ExportError",
    "OnnxSession",
    "export_onnx",
    "onnx_graph",
    "open_session",
    "require_export",
    "require_onnxruntime",
    "write_onnx",
]
