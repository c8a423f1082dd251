"""INC 2.X's `neural_compressor.data.dataloaders.base_dataloader`."""

from torch.utils.data import DataLoader as BaseDataLoader

__all__ = ["BaseDataLoader"]
