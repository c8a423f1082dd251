"""INC 2.X's `neural_compressor.data.datasets.bert_dataset`."""

from inc_hf.built_in.bert import BertDataset as PytorchBertDataset

__all__ = ["PytorchBertDataset"]
