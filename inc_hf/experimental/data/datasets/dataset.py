"""INC 1.X's `neural_compressor.experimental.data.datasets.dataset`."""

from torch.utils.data import Dataset, IterableDataset

from inc_hf.built_in.datasets import Datasets, dataset_registry
from inc_hf.config.elsewhere import TENSORFLOW, elsewhere

DATASETS = Datasets  # its name in 1.X
TensorflowTFRecordDataset = elsewhere("TensorflowTFRecordDataset", TENSORFLOW)

__all__ = ["DATASETS", "Dataset", "Datasets", "IterableDataset", "TensorflowTFRecordDataset", "dataset_registry"]
