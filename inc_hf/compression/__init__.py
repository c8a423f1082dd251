"""Import paths of INC 2.X, `neural_compressor.compression`. The names are imported at their first use."""

from inc_hf._lazy import lazy_names

_LAZY = {
    "DistillationCallbacks": "inc_hf.compression.callbacks",
    "PruningCallbacks": "inc_hf.compression.callbacks",
    "QuantizationAwareTrainingCallbacks": "inc_hf.compression.callbacks",
}

__all__ = [*_LAZY]

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
