"""The configs of 2.X that a conf of 1.X stands for. Each is None where the conf has no such section."""

from collections.abc import Callable
from typing import Any

from inc_hf.config import BenchmarkConfig, set_random_seed, set_resume_from, set_tensorboard, set_workspace
from inc_hf.config.base import ConfigMixin
from inc_hf.errors import UsageError
from inc_hf.migrate.conf.building import built, given
from inc_hf.migrate.conf.frameworks import backend_of
from inc_hf.migrate.conf.sections import Conf
from inc_hf.migrate.conf.to_distillation import distillation_config
from inc_hf.migrate.conf.to_pruning import is_in_epochs, pruning_config
from inc_hf.migrate.conf.to_quantization import (
    mixed_precision_config,
    post_training_config,
    quantization_aware_config,
)

__all__ = [
    "benchmark_config",
    "configs_of",
    "distillation_config",
    "is_in_epochs",
    "mixed_precision_config",
    "options_of",
    "post_training_config",
    "pruning_config",
    "quantization_aware_config",
    "set_options",
]

CONFIGS = ("cores_per_instance", "num_of_instance", "inter_num_of_threads", "intra_num_of_threads")
SETTERS = {
    "random_seed": set_random_seed,
    "workspace": set_workspace,
    "resume_from": set_resume_from,
    "tensorboard": set_tensorboard,
}
OPTIONS = {
    "random_seed": ("tuning", "random_seed"),
    "workspace": ("tuning", "workspace", "path"),
    "resume_from": ("tuning", "workspace", "resume"),
    "tensorboard": ("tuning", "tensorboard"),
}


def benchmark_config(conf: Conf, mode: str = "performance") -> BenchmarkConfig | None:
    """Of `evaluation.performance`, or of `evaluation.accuracy` with the other `mode` that 1.X has."""
    section = None if conf.evaluation is None else getattr(conf.evaluation, mode)
    if section is None:
        return None
    settings = {
        "device": conf.device,
        "backend": backend_of(conf),
        "inputs": conf.model.inputs,
        "outputs": conf.model.outputs,
        "iteration": section.iteration,
        **given(section.configs, CONFIGS if section.configs is not None else ()),
    }
    if mode == "performance":
        settings["warmup"] = section.warmup
    return built(conf, ("evaluation", mode), BenchmarkConfig, settings)


# Kind of config -> what makes it, in the order in which 2.X takes them
KINDS: dict[str, Callable[[Conf], ConfigMixin | None]] = {
    "distillation": distillation_config,
    "pruning": pruning_config,
    "quantization_aware": quantization_aware_config,
    "post_training": post_training_config,
    "mixed_precision": mixed_precision_config,
    "benchmark": benchmark_config,
}


def configs_of(conf: Conf, steps_per_epoch: int | None = None) -> dict[str, ConfigMixin]:
    """The configs that a conf has sections for, by kind."""
    found = {
        kind: pruning_config(conf, steps_per_epoch) if make is pruning_config else make(conf)
        for kind, make in KINDS.items()
    }
    return {kind: config for kind, config in found.items() if config is not None}


def options_of(conf: Conf) -> dict[str, Any]:
    """`random_seed`, `workspace`, `resume_from` and `tensorboard`: only what the file gives."""
    found = {}
    for name, where in OPTIONS.items():
        if conf.gives(*where):
            value: Any = conf
            for part in where:
                value = getattr(value, part)
            found[name] = value
    return found


def set_options(conf: Conf) -> None:
    """Set for the process what the file gives of [`options_of`]."""
    for name, value in options_of(conf).items():
        try:
            SETTERS[name](value)
        except UsageError as error:
            raise conf.error(str(error), *OPTIONS[name]) from error
