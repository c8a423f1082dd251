"""A graph of torch as an ONNX file, with the integers and scales of our modules."""

from inc_hf.export.onnx.graph import export_onnx, metadata_of, onnx_graph, write_onnx
from inc_hf.export.onnx.program import ELSE, ExportError

__all__ = ["ELSE", "ExportError", "export_onnx", "metadata_of", "onnx_graph", "write_onnx"]
