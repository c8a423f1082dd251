"""INC's `neural_compressor.experimental.pruning_v2`, in which the section `weight_compression_v2` is read."""

from inc_hf.experimental.pruning import Pruning, TfPruningCallback

__all__ = ["Pruning", "TfPruningCallback"]
