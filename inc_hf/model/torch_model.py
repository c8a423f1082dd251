"""INC 2.X's `neural_compressor.model.torch_model`: all of them are [`CompressedModel`] here."""

from inc_hf.results.compressed import CompressedModel

PyTorchBaseModel = CompressedModel
PyTorchModel = CompressedModel
PyTorchFXModel = CompressedModel
IPEXModel = CompressedModel

__all__ = ["IPEXModel", "PyTorchBaseModel", "PyTorchFXModel", "PyTorchModel"]
