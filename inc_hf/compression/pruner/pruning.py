"""INC 2.X's `neural_compressor.compression.pruner.pruning`."""

from inc_hf.callbacks.without_hooks import Pruning, parse_to_prune, prepare_pruning

__all__ = ["Pruning", "parse_to_prune", "prepare_pruning"]
