"""INC's `neural_compressor.conf.pythonic_config`: what INC 2.X has in `config`, under the path of 1.X."""

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
