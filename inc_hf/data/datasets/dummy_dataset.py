"""INC 2.X's `neural_compressor.data.datasets.dummy_dataset`."""

from inc_hf.built_in.dummy import DummyDataset

__all__ = ["DummyDataset"]
