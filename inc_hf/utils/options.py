"""INC 2.X's `neural_compressor.utils.options`."""

from inc_hf.utils import OPTIONS

__all__ = ["OPTIONS"]
