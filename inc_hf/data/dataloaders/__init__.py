"""INC 2.X's `neural_compressor.data.dataloaders`."""

from inc_hf.data.dataloaders.dataloader import DATALOADERS, DataLoader, check_dataloader

__all__ = ["DATALOADERS", "DataLoader", "check_dataloader"]
