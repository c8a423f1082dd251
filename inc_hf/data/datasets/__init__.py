"""INC 2.X's `neural_compressor.data.datasets`."""

from inc_hf.config.elsewhere import TENSORFLOW, elsewhere
from inc_hf.data.datasets.dataset import Dataset, Datasets, IterableDataset, dataset_registry

COCORecordDataset = elsewhere("COCORecordDataset", TENSORFLOW)
TensorflowImageRecord = elsewhere("TensorflowImageRecord", TENSORFLOW)

__all__ = [
    "COCORecordDataset",
    "Dataset",
    "Datasets",
    "IterableDataset",
    "TensorflowImageRecord",
    "dataset_registry",
]
