"""INC 1.X's `neural_compressor.experimental.data.datasets.dummy_dataset`."""

from inc_hf.built_in.dummy import DummyDataset

__all__ = ["DummyDataset"]
