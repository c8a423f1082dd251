"""INC 1.X's `neural_compressor.experimental.data.datasets.bert_dataset`."""

from inc_hf.built_in.bert import BertDataset as PytorchBertDataset

__all__ = ["PytorchBertDataset"]
