"""INC 2.X's `neural_compressor.compression.pruner.utils`."""

from inc_hf.callbacks.without_hooks import parse_to_prune

__all__ = ["parse_to_prune"]
