"""INC 2.2's `neural_compressor.experimental.compression`."""

from inc_hf.callbacks.without_hooks import prepare_pruning

__all__ = ["prepare_pruning"]
