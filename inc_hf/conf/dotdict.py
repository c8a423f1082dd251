"""INC's `neural_compressor.conf.dotdict`."""

from inc_hf.config.dotdict import DotDict, deep_get, deep_set

__all__ = ["DotDict", "deep_get", "deep_set"]
