"""INC 2.X's `neural_compressor.data.datasets.dummy_dataset_v2`."""

from inc_hf.built_in.dummy import DummyStream as DummyDataset
from inc_hf.config.elsewhere import elsewhere

SparseDummyDataset = elsewhere("SparseDummyDataset", "no model of PyTorch reads its pairs of indices and values")

__all__ = ["DummyDataset", "SparseDummyDataset"]
