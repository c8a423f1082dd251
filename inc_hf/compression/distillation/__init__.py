"""INC 2.X's `neural_compressor.compression.distillation`. The names are imported at their first use."""

from inc_hf._lazy import lazy_names

_LAZY = {
    "DistillationConfig": "inc_hf.config",
    "IntermediateLayersKnowledgeDistillationLossConfig": "inc_hf.config",
    "KnowledgeDistillationLossConfig": "inc_hf.config",
    "SelfKnowledgeDistillationLossConfig": "inc_hf.config",
    "build_criterion": "inc_hf.distill",
}

__all__ = [*_LAZY]

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
