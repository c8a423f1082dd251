"""The configs of 2.X that a conf of 1.X stands for. Each is None where the conf has no such section."""

from typing import Any

from inc_hf.config import (
    BenchmarkConfig,
    DistillationConfig,
    MixedPrecisionConfig,
    PostTrainingQuantConfig,
    QuantizationAwareTrainingConfig,
    WeightPruningConfig,
)
from inc_hf.migrate.conf.sections import Conf


def post_training_config(conf: Conf) -> PostTrainingQuantConfig | None:
    """Of `quantization`, unless its approach is `quant_aware_training`."""
    raise NotImplementedError


def quantization_aware_config(conf: Conf) -> QuantizationAwareTrainingConfig | None:
    """Of `quantization`, if its approach is `quant_aware_training`."""
    raise NotImplementedError


def pruning_config(conf: Conf, steps_per_epoch: int | None = None) -> WeightPruningConfig | None:
    """Of `pruning`; `weight_compression` counts in epochs, so it takes how many optimizer steps one has."""
    raise NotImplementedError


def distillation_config(conf: Conf, teacher: Any = None) -> DistillationConfig | None:
    """Of `distillation`."""
    raise NotImplementedError


def mixed_precision_config(conf: Conf) -> MixedPrecisionConfig | None:
    """Of `mixed_precision`, or of `graph_optimization`."""
    raise NotImplementedError


def benchmark_config(conf: Conf) -> BenchmarkConfig | None:
    """Of `evaluation.performance`."""
    raise NotImplementedError


def options_of(conf: Conf) -> dict[str, Any]:
    """`random_seed`, `workspace`, `resume_from` and `tensorboard`: only what the file gives."""
    raise NotImplementedError


def set_options(conf: Conf) -> None:
    """Set them for the process."""
    raise NotImplementedError
