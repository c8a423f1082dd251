"""INC 2.X's `neural_compressor.model.base_model`."""

from inc_hf.model.model import BaseModel

__all__ = ["BaseModel"]
