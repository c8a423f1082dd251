"""INC 1.X's `neural_compressor.experimental.data`."""

from inc_hf.built_in.transforms import BaseTransform
from inc_hf.experimental.data.dataloaders import DATALOADERS
from inc_hf.experimental.data.datasets import DATASETS, Dataset, Datasets, IterableDataset, dataset_registry
from inc_hf.experimental.data.filters import FILTERS, Filter, filter_registry
from inc_hf.experimental.data.transforms import TRANSFORMS, transform_registry

__all__ = [
    "BaseTransform",
    "DATALOADERS",
    "DATASETS",
    "Dataset",
    "Datasets",
    "FILTERS",
    "Filter",
    "IterableDataset",
    "TRANSFORMS",
    "dataset_registry",
    "filter_registry",
    "transform_registry",
]
