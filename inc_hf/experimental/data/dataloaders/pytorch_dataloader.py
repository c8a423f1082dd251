"""INC 1.X's `neural_compressor.experimental.data.dataloaders.pytorch_dataloader`."""

from inc_hf.built_in.loader import PyTorchDataLoader

__all__ = ["PyTorchDataLoader"]
