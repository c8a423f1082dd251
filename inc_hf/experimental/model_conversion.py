"""INC 1.X's `neural_compressor.experimental.model_conversion`."""

from inc_hf.experimental.refused import ModelConversion

__all__ = ["ModelConversion"]
