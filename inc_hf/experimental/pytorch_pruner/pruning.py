"""INC 1.X's `neural_compressor.experimental.pytorch_pruner.pruning`."""

from inc_hf.experimental.pruning import Pruning

__all__ = ["Pruning"]
