"""INC 2.X's `neural_compressor.compression.pruner`. The names are imported at their first use."""

from inc_hf._lazy import lazy_names

_LAZY = {
    "model_slim": "inc_hf.prune.slim",
    "parse_to_prune": "inc_hf.callbacks.without_hooks",
    "prepare_pruning": "inc_hf.callbacks.without_hooks",
    "parse_auto_slim_config": "inc_hf.prune.slim",
}

__all__ = [*_LAZY]

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
