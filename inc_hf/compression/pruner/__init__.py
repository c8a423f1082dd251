"""INC 2.X's `neural_compressor.compression.pruner`. The names are imported at their first use."""

import importlib

_LAZY = {
    "model_slim": "inc_hf.prune.slim",
    "parse_to_prune": "inc_hf.compression.pruner.pruning",
    "prepare_pruning": "inc_hf.compression.pruner.pruning",
    "parse_auto_slim_config": "inc_hf.prune.slim",
}

__all__ = [*_LAZY]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_LAZY])
