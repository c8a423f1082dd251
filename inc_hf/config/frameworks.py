"""INC's configs of frameworks, of the search for hyperparameters and of architectures: data that nothing here reads,
but for [`HPOConfig`]."""

from abc import ABC
from dataclasses import dataclass, field, fields
from typing import Any

from inc_hf.config.base import ConfigMixin
from inc_hf.config.checks import check_bool, check_choice, check_choices, check_int, wrong_type
from inc_hf.config.distillation import DistillationConfig
from inc_hf.config.dotdict import DotDict
from inc_hf.config.elsewhere import ONNX as FILES_OF_ONNX
from inc_hf.config.elsewhere import TENSORFLOW, elsewhere
from inc_hf.config.export import Torch2ONNXConfig
from inc_hf.config.pruning import WeightPruningConfig
from inc_hf.config.quantization import MixedPrecisionConfig, PostTrainingQuantConfig, QuantizationAwareTrainingConfig
from inc_hf.config.runtime import BenchmarkConfig

PRECISIONS = ("int8", "uint8", "fp32", "bf16", "fp16")
OPTIMIZATIONS = ("DISABLE_ALL", "ENABLE_BASIC", "ENABLE_EXTENDED", "ENABLE_ALL")
SEARCHERS = ("grid", "random", "bo", "xgb")

ExportConfig = Torch2ONNXConfig  # INC had one for each framework
ONNXQlinear2QDQConfig = elsewhere("ONNXQlinear2QDQConfig", FILES_OF_ONNX)
TF2ONNXConfig = elsewhere("TF2ONNXConfig", TENSORFLOW)


class _BaseQuantizationConfig(ABC):  # noqa: B024 as there is nothing in it
    """Of which both configs of quantization are, for `isinstance`."""


_BaseQuantizationConfig.register(PostTrainingQuantConfig)
_BaseQuantizationConfig.register(QuantizationAwareTrainingConfig)


@dataclass
class MXNet(ConfigMixin):
    """
    Args:
        precisions (`str` or `list[str]`, *optional*): that the framework computes in.
    """

    precisions: list[str] | str | None = None

    def _check_fields(self) -> None:
        if self.precisions is not None:
            self.precisions = check_choices("precisions", self.precisions, PRECISIONS)


@dataclass
class ONNX(ConfigMixin):
    """
    Args:
        graph_optimization_level (`str`, *optional*): of ONNX Runtime.
        precisions (`str` or `list[str]`, *optional*): that it computes in.
    """

    graph_optimization_level: str | None = None
    precisions: list[str] | str | None = None

    def _check_fields(self) -> None:
        MXNet._check_fields(self)
        if self.graph_optimization_level is not None:
            check_choice("graph_optimization_level", self.graph_optimization_level, OPTIMIZATIONS)


class TensorFlow(MXNet):
    pass


class Keras(MXNet):
    pass


class PyTorch(MXNet):
    pass


@dataclass
class HPOConfig(ConfigMixin):
    """
    How to search for hyperparameters, see [`inc_hf.compression.hpo.prepare_hpo`].

    Args:
        search_space (`dict`): name -> `SearchSpace`, or a list of values.
        searcher (`str`, *optional*, defaults to `"xgb"`): "grid", "random", "bo" or "xgb".
        higher_is_better (`bool`, *optional*, defaults to `True`): whether a higher metric is a better one.
        loss_type (`str`, *optional*, defaults to `"reg"`): what "xgb" learns: "reg" or "rank".
        min_train_samples (`int`, *optional*, defaults to 10): random trials before "xgb" learns.
        seed (`int`, *optional*, defaults to 42): of the search.
    """

    search_space: dict[str, Any]
    searcher: str = "xgb"
    higher_is_better: bool = True
    loss_type: str = "reg"
    min_train_samples: int = 10
    seed: int = 42

    def _check_fields(self) -> None:
        if not isinstance(self.search_space, dict) or not self.search_space:
            raise wrong_type("search_space", "a dict, {name: SearchSpace or list of values}", self.search_space)
        check_choice("searcher", self.searcher, SEARCHERS)
        check_bool("higher_is_better", self.higher_is_better)
        check_choice("loss_type", self.loss_type, ("reg", "rank"))
        self.min_train_samples = check_int("min_train_samples", self.min_train_samples, low=1)
        self.seed = check_int("seed", self.seed, low=0)


class NASConfig:
    """INC's search of architectures, which is not here; a config can be made, and read."""

    def __init__(
        self,
        approach: str | None = None,
        search_space: Any = None,
        search_algorithm: str | None = None,
        metrics: Any = (),
        higher_is_better: Any = (),
        max_trials: int = 3,
        seed: int = 42,
        dynas: Any = None,
    ):
        self.approach, self.dynas = approach, dynas
        self.search = DotDict({
            "search_space": search_space, "search_algorithm": search_algorithm, "metrics": list(metrics),
            "higher_is_better": list(higher_is_better), "max_trials": max_trials, "seed": seed,
        })  # fmt: skip


@dataclass
class _Config:
    """One config of each kind, as INC passed them around."""

    quantization: Any = field(default_factory=PostTrainingQuantConfig)
    benchmark: Any = field(default_factory=BenchmarkConfig)
    mixed_precision: Any = field(default_factory=MixedPrecisionConfig)
    pruning: Any = field(default_factory=WeightPruningConfig)
    distillation: Any = field(default_factory=DistillationConfig)
    nas: Any = field(default_factory=NASConfig)
    onnxruntime: Any = field(default_factory=ONNX)
    tensorflow: Any = field(default_factory=TensorFlow)
    pytorch: Any = field(default_factory=PyTorch)
    mxnet: Any = field(default_factory=MXNet)
    keras: Any = field(default_factory=Keras)
    diagnosis: bool | None = None

    def __post_init__(self):
        if self.diagnosis is None:
            self.diagnosis = any(getattr(part, "diagnosis", False) for part in (self.quantization, self.benchmark))

    def keys(self) -> list[str]:
        return [field.name for field in fields(self)]
