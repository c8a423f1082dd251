"""INC 1.X's `neural_compressor.experimental.nas.dynas`."""

from inc_hf.experimental.refused import NAS as DyNAS

__all__ = ["DyNAS"]
