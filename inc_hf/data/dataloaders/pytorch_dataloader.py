"""INC 2.X's `neural_compressor.data.dataloaders.pytorch_dataloader`."""

from inc_hf.built_in.loader import PyTorchDataLoader

__all__ = ["PyTorchDataLoader"]
