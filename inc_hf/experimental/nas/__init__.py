"""INC 1.X's `neural_compressor.experimental.nas`."""

from inc_hf.experimental.refused import NAS

__all__ = ["NAS"]
