"""INC 2.X's `neural_compressor.compression.distillation`. The names are imported at their first use."""

import importlib

_LAZY = {
    "DistillationConfig": "inc_hf.config",
    "IntermediateLayersKnowledgeDistillationLossConfig": "inc_hf.config",
    "KnowledgeDistillationLossConfig": "inc_hf.config",
    "SelfKnowledgeDistillationLossConfig": "inc_hf.config",
    "build_criterion": "inc_hf.distill",
}

__all__ = [*_LAZY]


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_LAZY])
