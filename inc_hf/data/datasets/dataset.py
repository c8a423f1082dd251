"""INC 2.X's `neural_compressor.data.datasets.dataset`."""

from torch.utils.data import Dataset, IterableDataset

from inc_hf.built_in.datasets import Datasets, dataset_registry
from inc_hf.built_in.images import ImageFolder

__all__ = ["Dataset", "Datasets", "ImageFolder", "IterableDataset", "dataset_registry"]
