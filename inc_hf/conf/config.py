"""INC 1.X's `neural_compressor.conf.config`: what scripts read a YAML file with, and write to."""

from inc_hf.experimental.conf_classes import (
    Benchmark_Conf,
    BenchmarkConf,
    Conf,
    Distillation_Conf,
    DistillationConf,
    Graph_Optimization_Conf,
    GraphOptConf,
    MixedPrecision_Conf,
    MixedPrecisionConf,
    NASConfig,
    Pruner,
    PrunerV2,
    Pruning_Conf,
    PruningConf,
    QuantConf,
    Quantization_Conf,
    conf,
)
from inc_hf.experimental.settings import Settings

DefaultConf = Settings

__all__ = [
    "BenchmarkConf",
    "Benchmark_Conf",
    "Conf",
    "DefaultConf",
    "DistillationConf",
    "Distillation_Conf",
    "GraphOptConf",
    "Graph_Optimization_Conf",
    "MixedPrecisionConf",
    "MixedPrecision_Conf",
    "NASConfig",
    "Pruner",
    "PrunerV2",
    "PruningConf",
    "Pruning_Conf",
    "QuantConf",
    "Quantization_Conf",
    "conf",
]
