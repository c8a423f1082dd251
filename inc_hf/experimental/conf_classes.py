"""The classes that scripts of INC 1.X read a conf with, and write to (`neural_compressor.conf.config`)."""

import logging
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from inc_hf.config.base import ConfigMixin
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.experimental.settings import Settings
from inc_hf.migrate.conf import Conf as Sections
from inc_hf.migrate.conf import read_conf
from inc_hf.migrate.conf.loader import load_file

logger = logging.getLogger(__name__)

TASKS = ("quantization", "pruning", "distillation", "mixed_precision", "graph_optimization", "model_conversion")

SECTIONS = tuple(field.name for field in fields(Sections) if field.metadata)
NOT_WORTH_TELLING = ("version", "model.name")
ONE_OF = ("metric", "approach", "criterion", "optimizer", "dataset")
WITHOUT_FILE = {
    "model": {"name": "default_model_name", "framework": "NA"},
    "evaluation": {"accuracy": {"metric": {"topk": 1}}},
}


class Conf:
    """A conf: a YAML file, a dict of the same content, or nothing, which is all defaults.

    `usr_cfg` has what was given, and may be written to; it is checked when it is used:

    ```python
    conf = QuantConf("conf.yaml")
    conf.usr_cfg.tuning.exit_policy.max_trials = 10
    ```

    Raises:
        ValueError: the file cannot be read, or says what INC 1.X does not know, or belongs to another component.
    """

    tasks: ClassVar[tuple[str, ...]] = TASKS  # sections that it is for
    # What its section has in INC where there is none; a conf that is no file gets it for each part that is left out.
    own: ClassVar[dict[str, Any]] = {}

    def __init__(self, cfg_fname: str | os.PathLike | Mapping | None = None):
        self._file: tuple[dict, Sections] | None = None
        cfg_fname = _written(cfg_fname) if isinstance(cfg_fname, ModuleType) else cfg_fname
        if isinstance(cfg_fname, str | os.PathLike):
            sections = read_conf(cfg_fname)
            check_task(sections, type(self))
            self.usr_cfg = Settings(_sections_for_none(load_file(Path(cfg_fname)).plain()))
            self._file = self.usr_cfg.to_dict(), sections
            _tell_ignored(sections)
        elif cfg_fname is None or isinstance(cfg_fname, Mapping):
            self.usr_cfg = _completed(Settings(cfg_fname), {**WITHOUT_FILE, **self.own})
        else:
            raise UsageTypeError(
                f"A conf must be the path of a YAML file, a dict or an object of {type(self).__name__}, got "
                f"{type(cfg_fname).__name__}{_instead(cfg_fname)}."
            )

    @classmethod
    def of(cls, conf: "Conf | str | os.PathLike | Mapping | None") -> "Conf":
        """A conf object as it is, of anything else a new one."""
        return conf if isinstance(conf, Conf) else cls(conf)

    def read(self) -> Sections:
        """All sections, checked, as they are now."""
        content = self.usr_cfg.to_dict()
        if self._file is not None and content == self._file[0] and (set(content) & set(TASKS) or not self.own):
            return self._file[1]  # whose messages know the lines
        if not set(content) & set(TASKS):
            content |= self.own
        return read_conf(content)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.usr_cfg})"


def _tell_ignored(sections: Sections) -> None:
    """Say which keys of a file mean nothing any more."""
    found = [each for each in sections.ignored if each.key not in NOT_WORTH_TELLING]
    if found:
        words = "; ".join(f"line {each.line}: `{each.key}` ({each.reason})" for each in found)
        logger.warning("%s: some keys mean nothing any more. %s.", sections.path, words)


def check_task(sections: Sections, cls: type[Conf]) -> None:
    """Raise ValueError if a conf has sections of other components only."""
    found = [task for task in TASKS if getattr(sections, task) is not None]
    if found and not set(found) & set(cls.tasks):
        where = f"{sections.path}: " if sections.path else ""
        raise UsageError(
            f"{where}`{cls.__name__}` needs the section {' or '.join(map(repr, cls.tasks))}, and this conf has "
            f"{', '.join(map(repr, found))}; use {' or '.join(COMPONENTS[task] for task in found)}."
        )


def _sections_for_none(value: Any) -> Any:
    """Empty sections for what has no value, as YAML of INC means it."""
    if isinstance(value, dict):
        return {key: {} if item is None else _sections_for_none(item) for key, item in value.items()}
    return [_sections_for_none(item) for item in value] if isinstance(value, list) else value


def _written(module: ModuleType) -> dict[str, Any]:
    """What a script has written to `neural_compressor.conf`, which is this object in 1.X and a package, too."""
    assigned = {name: value for name, value in vars(module).items() if name in SECTIONS}
    return {**conf.to_dict(), **assigned}


def _completed(content: Settings, defaults: dict[str, Any]) -> Settings:
    """With the defaults of what is left out; of a section that holds one of several things, only as a whole."""
    for key, value in defaults.items():
        if key not in content:
            content[key] = value
        elif isinstance(value, dict) and isinstance(content[key], Settings) and key not in ONE_OF:
            _completed(content[key], value)
    return content


def _instead(conf: Any) -> str:
    if isinstance(conf, ConfigMixin):
        return ", which belongs to 2.X: `inc_hf.quantization.fit` and `inc_hf.training.prepare_compression` take it"
    return ""


class Quantization_Conf(Conf):  # noqa: N801 as 1.X has it
    """Of [`Quantization`]."""

    tasks = ("quantization",)
    own = {"quantization": {}}


class Pruning_Conf(Conf):  # noqa: N801
    """Of [`Pruning`]."""

    tasks = ("pruning",)
    own = {"pruning": {"approach": {"weight_compression": {"start_epoch": 0, "end_epoch": 4}}}}


class Distillation_Conf(Conf):  # noqa: N801
    """Of [`Distillation`]."""

    tasks = ("distillation",)
    own = {
        "distillation": {
            "train": {
                "start_epoch": 0,
                "end_epoch": 10,
                "iteration": 1000,
                "optimizer": {"SGD": {"learning_rate": 0.001}},
                "criterion": {
                    "KnowledgeDistillationLoss": {
                        "temperature": 1.0,
                        "loss_types": ["CE", "KL"],
                        "loss_weights": [0.5, 0.5],
                    }
                },
            }
        }
    }


class MixedPrecision_Conf(Conf):  # noqa: N801
    """Of [`MixedPrecision`]; what optimized graphs is for it, too."""

    tasks = ("mixed_precision", "graph_optimization")
    own = {"mixed_precision": {"precisions": ["bf16"]}}


class Graph_Optimization_Conf(MixedPrecision_Conf):  # noqa: N801
    """Of [`Graph_Optimization`]."""


class Benchmark_Conf(Conf):  # noqa: N801
    """Of [`Benchmark`], which needs `evaluation`, whatever else there is."""


QuantConf = Quantization_Conf
PruningConf = Pruning_Conf
DistillationConf = Distillation_Conf
MixedPrecisionConf = MixedPrecision_Conf
GraphOptConf = Graph_Optimization_Conf
BenchmarkConf = Benchmark_Conf
# section -> component
COMPONENTS = {
    "quantization": "Quantization",
    "pruning": "Pruning",
    "distillation": "Distillation",
    "mixed_precision": "MixedPrecision",
    "graph_optimization": "MixedPrecision",
    "model_conversion": "ModelConversion",
}

conf = Settings()  # `from neural_compressor import conf`: one to write to


class Pruner:
    """`!Pruner` of YAML in Python: settings of one group of layers, by name or in the order of 1.X. None is none."""

    order: ClassVar[tuple[str, ...]] = (
        "start_epoch", "end_epoch", "initial_sparsity", "target_sparsity", "update_frequency", "method", "prune_type",
        "start_step", "end_step", "update_frequency_on_step", "prune_domain", "sparsity_decay_type", "pattern",
        "names", "extra_excluded_names", "parameters",
    )  # fmt: skip

    def __new__(cls, *values: Any, **settings: Any) -> Settings:
        if len(values) > len(cls.order):
            raise UsageTypeError(f"A {cls.__name__} has {len(cls.order)} settings, got {len(values)} values.")
        given = dict(zip(cls.order, values, strict=False))
        if twice := given.keys() & settings.keys():
            raise UsageTypeError(f"`{min(twice)}` of a {cls.__name__} was given by its place and by its name.")
        return Settings({name: value for name, value in {**given, **settings}.items() if value is not None})


class PrunerV2(Pruner):
    """`!PrunerV2` of YAML in Python, with the names of 2.X."""

    order = (
        "target_sparsity", "pruning_type", "pattern", "op_names", "excluded_op_names", "start_step", "end_step",
        "pruning_scope", "pruning_frequency", "min_sparsity_ratio_per_op", "max_sparsity_ratio_per_op",
        "sparsity_decay_type", "pruning_op_types", "reg_type", "criterion_reduce_type", "parameters",
        "resume_from_pruned_checkpoint",
    )  # fmt: skip


class NASConfig(Conf):
    """Refused: architectures are not searched here.

    Raises:
        ValueError: always.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        refuse_nas()


def refuse_nas() -> None:
    """Raise ValueError that says where to go."""
    raise UsageError(
        "NAS and DyNAS are not here: no search for an architecture. To search hyperparameters use "
        "`Trainer.hyperparameter_search` of transformers; to make a model smaller, `inc_hf.prune.slim` (cut heads and "
        "feed-forward layers), pruning or distillation."
    )
