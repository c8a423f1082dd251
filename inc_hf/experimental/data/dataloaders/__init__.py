"""INC 1.X's `neural_compressor.experimental.data.dataloaders`."""

from inc_hf.built_in.loader import DATALOADERS

__all__ = ["DATALOADERS"]
