"""INC's `neural_compressor.conf.pythonic_config`: what INC 2.X has in `config`, under the path of 1.X."""

from typing import Any

from inc_hf.conf.op_confs import ActivationConf, OpQuantConf, WeightConf
from inc_hf.config import (
    ONNX,
    AccuracyCriterion,
    BenchmarkConfig,
    DistillationConfig,
    IntermediateLayersKnowledgeDistillationLossConfig,
    Keras,
    KnowledgeDistillationLossConfig,
    MXNet,
    NASConfig,
    Options,
    PyTorch,
    TensorFlow,
    WeightPruningConfig,
    _BaseQuantizationConfig,
    options,
)
from inc_hf.config import PostTrainingQuantConfig as QuantizationConfig
from inc_hf.config import WeightPruningConfig as PruningConfig
from inc_hf.config.elsewhere import Absent

# Objects that all of INC 1.14 shared, and changed.
SHARED = (
    "config", "quantization", "pruning", "pruners", "distillation", "benchmark", "nas", "activation", "weight",
    "criterion", "accuracy_criterion", "tolerable_loss", "default_workspace", "check_value", "keras_config",
    "mxnet_config", "onnxruntime_config", "pytorch_config", "tensorflow_config",
)  # fmt: skip
INSTEAD = (
    "it was one object for all of a script; make a `QuantizationConfig`, `PruningConfig` or `DistillationConfig` and "
    "pass it to `inc_hf.quantization.fit` or `inc_hf.training.prepare_compression`, and write to `options`"
)


def __getattr__(name: str) -> Any:
    if name in SHARED:
        return Absent(f"conf.pythonic_config.{name}", INSTEAD)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "AccuracyCriterion",
    "ActivationConf",
    "BenchmarkConfig",
    "DistillationConfig",
    "IntermediateLayersKnowledgeDistillationLossConfig",
    "Keras",
    "KnowledgeDistillationLossConfig",
    "MXNet",
    "NASConfig",
    "ONNX",
    "OpQuantConf",
    "Options",
    "PruningConfig",
    "PyTorch",
    "QuantizationConfig",
    "TensorFlow",
    "WeightConf",
    "WeightPruningConfig",
    "_BaseQuantizationConfig",
    "options",
]
