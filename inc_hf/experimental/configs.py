"""What a conf asks for as configs of 2.X, by the section that asks for it."""

from inc_hf.config import DistillationConfig, QuantizationAwareTrainingConfig, WeightPruningConfig
from inc_hf.migrate.conf import Conf as Sections
from inc_hf.migrate.conf.translate import distillation_config, is_in_epochs, pruning_config, quantization_aware_config

Config = WeightPruningConfig | DistillationConfig | QuantizationAwareTrainingConfig


def pruning_of(sections: Sections, steps_per_epoch: int | None) -> WeightPruningConfig:
    """Of `pruning`; where it counts epochs of unknown length, its steps are epochs, see [`counts_epochs`]."""
    return pruning_config(sections, 1 if counts_epochs(sections, steps_per_epoch) else steps_per_epoch)


def counts_epochs(sections: Sections, steps_per_epoch: int | None) -> bool:
    """Whether `pruning` says epochs, and nobody how many steps these have."""
    return steps_per_epoch is None and is_in_epochs(sections)


def configs_of(sections: Sections, steps_per_epoch: int | None) -> list[Config]:
    """All that a conf asks for while a model trains."""
    found = [distillation_config(sections), quantization_aware_config(sections)]
    pruning = None if sections.pruning is None else pruning_of(sections, steps_per_epoch)
    return [config for config in (found[0], pruning, found[1]) if config is not None]
