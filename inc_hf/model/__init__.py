"""INC 2.X's `neural_compressor.model`."""

from inc_hf.model.model import MODELS, BaseModel, Model

__all__ = ["BaseModel", "MODELS", "Model"]
