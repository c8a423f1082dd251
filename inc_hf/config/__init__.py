"""The config classes of Intel Neural Compressor 2.X: plain dataclasses, checked when they are made."""

from inc_hf._lazy import lazy_names
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

# Names of INC's that nothing here reads, imported at their first use.
_LAZY = {
    "DotDict": "inc_hf.config.dotdict",
    **dict.fromkeys(["HPOConfig", "NASConfig", "_Config", "_BaseQuantizationConfig"], "inc_hf.config.frameworks"),
    **dict.fromkeys(["Keras", "MXNet", "ONNX", "PyTorch", "TensorFlow"], "inc_hf.config.frameworks"),
    **dict.fromkeys(["ExportConfig", "ONNXQlinear2QDQConfig", "TF2ONNXConfig"], "inc_hf.config.frameworks"),
}

__getattr__, __dir__ = lazy_names(__name__, _LAZY)

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
