"""The config classes of Intel Neural Compressor 2.X: plain dataclasses, checked when they are made."""

from .criteria import AccuracyCriterion, TuningCriterion
from .distillation import (
    DistillationConfig,
    IntermediateLayersKnowledgeDistillationLossConfig,
    KnowledgeDistillationLossConfig,
    SelfKnowledgeDistillationLossConfig,
)
from .export import Torch2ONNXConfig
from .op_dicts import ACTIVATION_CHOICES, RECIPES, WEIGHT_CHOICES
from .pruning import WeightPruningConfig
from .quantization import MixedPrecisionConfig, PostTrainingQuantConfig, QuantizationAwareTrainingConfig
from .runtime import (
    BenchmarkConfig,
    Options,
    options,
    set_random_seed,
    set_resume_from,
    set_tensorboard,
    set_workspace,
)

__all__ = [
    "ACTIVATION_CHOICES",
    "AccuracyCriterion",
    "BenchmarkConfig",
    "DistillationConfig",
    "IntermediateLayersKnowledgeDistillationLossConfig",
    "KnowledgeDistillationLossConfig",
    "MixedPrecisionConfig",
    "Options",
    "PostTrainingQuantConfig",
    "QuantizationAwareTrainingConfig",
    "RECIPES",
    "SelfKnowledgeDistillationLossConfig",
    "Torch2ONNXConfig",
    "TuningCriterion",
    "WEIGHT_CHOICES",
    "WeightPruningConfig",
    "options",
    "set_random_seed",
    "set_resume_from",
    "set_tensorboard",
    "set_workspace",
]
