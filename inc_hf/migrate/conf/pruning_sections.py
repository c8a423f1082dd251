"""The sections about pruning and distillation."""

from dataclasses import dataclass
from typing import Any

from inc_hf.migrate.conf.data_sections import TrainSection
from inc_hf.migrate.conf.fields import key, pruners, section
from inc_hf.migrate.conf.list_values import layer_names
from inc_hf.migrate.conf.values import choice, flag, integer, mapping, number, text

SHARE = number(low=0, high=1, open_high=True)
RATIO = number(low=0, high=1)
COUNT, STEP, LAST = integer(low=0), integer(low=0), integer(low=-1)
FREQUENCY = number(low=0, open_low=True)


@dataclass
class Pruner:
    """`!Pruner` of 1.X: what one group of weights gets; what is None comes from the section around it."""

    start_epoch: int | None = key(COUNT)
    end_epoch: int | None = key(COUNT)
    initial_sparsity: float | None = key(SHARE)
    target_sparsity: float | None = key(SHARE)
    update_frequency: float | None = key(FREQUENCY)
    method: str = key(choice(("per_tensor", "per_channel")), "per_tensor")
    prune_type: str | None = key(text)
    start_step: int | None = key(STEP)
    end_step: int | None = key(LAST)
    update_frequency_on_step: int | None = key(integer(low=1))
    prune_domain: str | None = key(choice(("global", "local")))
    sparsity_decay_type: str | None = key(text)
    pattern: str | None = key(text)
    names: list[str] | None = key(layer_names)
    exclude_names: list[str] | None = key(layer_names)
    excluded_names: list[str] | None = key(layer_names)
    extra_excluded_names: list[str] | None = key(layer_names)
    prune_layer_type: list[str] | None = key(layer_names)
    max_sparsity_ratio_per_layer: float | None = key(RATIO)
    parameters: dict[str, Any] | None = key(mapping)


@dataclass
class WeightCompressionSection:
    """`weight_compression` (in epochs) and `weight_compression_pytorch` (in steps)."""

    initial_sparsity: float = key(SHARE, 0.0)
    target_sparsity: float = key(SHARE, 0.97)
    max_sparsity_ratio_per_layer: float = key(RATIO, 0.98)
    prune_type: str = key(text, "basic_magnitude")
    start_epoch: int = key(COUNT, 0)
    end_epoch: int = key(COUNT, 4)
    start_step: int = key(STEP, 0)
    end_step: int = key(LAST, 0)
    update_frequency: float = key(FREQUENCY, 1.0)
    update_frequency_on_step: int = key(integer(low=1), 1)
    excluded_names: list[str] = key(layer_names, [])
    prune_domain: str = key(choice(("global", "local")), "global")
    names: list[str] = key(layer_names, [])
    extra_excluded_names: list[str] | None = key(layer_names)
    prune_layer_type: list[str] | None = key(layer_names)
    sparsity_decay_type: str = key(text, "exp")
    pattern: str = key(text, "tile_pattern_1x1")
    pruners: list[Pruner] | None = pruners("!Pruner", Pruner)


@dataclass
class PrunerV2:
    """`!PrunerV2`: the settings of 2.X; what is None comes from the section around it."""

    target_sparsity: float | None = key(SHARE)
    pruning_type: str | None = key(text)
    pattern: str | None = key(text)
    op_names: list[str] | None = key(layer_names)
    excluded_op_names: list[str] | None = key(layer_names)
    start_step: int | None = key(STEP)
    end_step: int | None = key(LAST)
    pruning_scope: str | None = key(choice(("global", "local")))
    pruning_frequency: int | None = key(integer(low=1))
    min_sparsity_ratio_per_op: float | None = key(RATIO)
    max_sparsity_ratio_per_op: float | None = key(RATIO)
    sparsity_decay_type: str | None = key(text)
    pruning_op_types: list[str] | None = key(layer_names)
    reg_type: str | None = key(text)
    criterion_reduce_type: str | None = key(choice(("mean", "sum", "max")))
    parameters: dict[str, Any] | None = key(mapping)
    resume_from_pruned_checkpoint: bool | None = key(flag)


@dataclass
class WeightCompressionV2Section:
    """`weight_compression_v2`, in steps, with the names of 2.X."""

    target_sparsity: float = key(SHARE, 0.9)
    pruning_type: str = key(text, "snip_momentum")
    pattern: str = key(text, "4x1")
    op_names: list[str] = key(layer_names, [])
    excluded_op_names: list[str] = key(layer_names, [])
    start_step: int = key(STEP, 0)
    end_step: int = key(LAST, 0)
    pruning_scope: str = key(choice(("global", "local")), "global")
    pruning_frequency: int = key(integer(low=1), 1)
    min_sparsity_ratio_per_op: float = key(RATIO, 0.0)
    max_sparsity_ratio_per_op: float = key(RATIO, 0.98)
    sparsity_decay_type: str = key(text, "exp")
    pruning_op_types: list[str] = key(layer_names, ["Conv", "Linear"])
    reg_type: str | None = key(text)
    criterion_reduce_type: str = key(choice(("mean", "sum", "max")), "mean")
    parameters: dict[str, Any] = key(mapping, {"reg_coeff": 0.0})
    resume_from_pruned_checkpoint: bool = key(flag, False)
    pruners: list[PrunerV2] | None = pruners("!PrunerV2", PrunerV2)


@dataclass
class ApproachSection:
    """`approach` of pruning; one of the three."""

    weight_compression: WeightCompressionSection | None = section(WeightCompressionSection)
    weight_compression_pytorch: WeightCompressionSection | None = section(WeightCompressionSection)
    weight_compression_v2: WeightCompressionV2Section | None = section(WeightCompressionV2Section)


@dataclass
class PruningSection:
    """`pruning`."""

    train: TrainSection | None = section(TrainSection)
    approach: ApproachSection = section(ApproachSection, always=True)


@dataclass
class DistillationSection:
    """`distillation`."""

    train: TrainSection | None = section(TrainSection)
