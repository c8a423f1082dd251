"""INC 2.X's `neural_compressor.data.dataloaders.dataloader`."""

from inc_hf.built_in.loader import DATALOADERS, DataLoader, check_dataloader

__all__ = ["DATALOADERS", "DataLoader", "check_dataloader"]
