"""Models as ONNX files, compared with torch before they are kept."""

from inc_hf.export.forward import export
from inc_hf.export.layout import export_model

__all__ = ["export", "export_model"]
