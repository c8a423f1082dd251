"""INC 1.X's `neural_compressor.experimental.data.datasets`."""

from inc_hf.experimental.data.datasets.dataset import DATASETS, Dataset, Datasets, IterableDataset, dataset_registry

__all__ = ["DATASETS", "Dataset", "Datasets", "IterableDataset", "dataset_registry"]
