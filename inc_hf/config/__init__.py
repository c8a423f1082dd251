"""The config classes of Intel Neural Compressor 2.X: plain dataclasses, checked when they are made."""

from inc_hf.config.criteria import AccuracyCriterion, TuningCriterion
from inc_hf.config.distillation import (
    DistillationConfig,
    IntermediateLayersKnowledgeDistillationLossConfig,
    KnowledgeDistillationLossConfig,
    SelfKnowledgeDistillationLossConfig,
)
from inc_hf.config.export import Torch2ONNXConfig
from inc_hf.config.op_dicts import ACTIVATION_CHOICES, RECIPES, WEIGHT_CHOICES
from inc_hf.config.pruning import WeightPruningConfig
from inc_hf.config.quantization import MixedPrecisionConfig, PostTrainingQuantConfig, QuantizationAwareTrainingConfig
from inc_hf.config.runtime import (
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
