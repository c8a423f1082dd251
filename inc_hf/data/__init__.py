"""INC 2.X's `neural_compressor.data`."""

from inc_hf.built_in.transforms import BaseTransform, ComposeTransform, LabelShift, Postprocess
from inc_hf.config.elsewhere import TENSORFLOW, elsewhere
from inc_hf.data.dataloaders import DATALOADERS, DataLoader, check_dataloader
from inc_hf.data.datasets import COCORecordDataset, Dataset, Datasets, IterableDataset, TensorflowImageRecord
from inc_hf.data.datasets.dataset import dataset_registry
from inc_hf.data.filters import FILTERS, Filter, LabelBalanceCOCORecordFilter, filter_registry
from inc_hf.data.transforms import TRANSFORMS, transform_registry

DATASETS = Datasets  # of INC 1.X
DefaultDataLoader = DataLoader
BilinearImagenetTransform = elsewhere("BilinearImagenetTransform", TENSORFLOW)
NormalizeTFTransform = elsewhere("NormalizeTFTransform", TENSORFLOW)
ParseDecodeCocoTransform = elsewhere("ParseDecodeCocoTransform", TENSORFLOW)
RescaleTFTransform = elsewhere("RescaleTFTransform", TENSORFLOW)
ResizeTFTransform = elsewhere("ResizeTFTransform", TENSORFLOW)
TFSquadV1ModelZooPostTransform = elsewhere("TFSquadV1ModelZooPostTransform", TENSORFLOW)
TFSquadV1PostTransform = elsewhere("TFSquadV1PostTransform", TENSORFLOW)
TensorflowResizeCropImagenetTransform = elsewhere("TensorflowResizeCropImagenetTransform", TENSORFLOW)
TensorflowResizeWithRatio = elsewhere("TensorflowResizeWithRatio", TENSORFLOW)
TensorflowShiftRescale = elsewhere("TensorflowShiftRescale", TENSORFLOW)

__all__ = [
    "BaseTransform",
    "BilinearImagenetTransform",
    "COCORecordDataset",
    "ComposeTransform",
    "DATALOADERS",
    "DATASETS",
    "DataLoader",
    "Dataset",
    "Datasets",
    "DefaultDataLoader",
    "FILTERS",
    "Filter",
    "IterableDataset",
    "LabelBalanceCOCORecordFilter",
    "LabelShift",
    "NormalizeTFTransform",
    "ParseDecodeCocoTransform",
    "Postprocess",
    "RescaleTFTransform",
    "ResizeTFTransform",
    "TFSquadV1ModelZooPostTransform",
    "TFSquadV1PostTransform",
    "TRANSFORMS",
    "TensorflowImageRecord",
    "TensorflowResizeCropImagenetTransform",
    "TensorflowResizeWithRatio",
    "TensorflowShiftRescale",
    "check_dataloader",
    "dataset_registry",
    "filter_registry",
    "transform_registry",
]
