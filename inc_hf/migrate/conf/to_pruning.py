"""`pruning` of 1.X as a config of 2.X."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from inc_hf.config import WeightPruningConfig
from inc_hf.config.pruning import LOCAL_DEFAULTS
from inc_hf.migrate.conf.building import built, first_given, given
from inc_hf.migrate.conf.frameworks import refuse_onnxruntime
from inc_hf.migrate.conf.pruning_in_epochs import PLACE as IN_EPOCHS
from inc_hf.migrate.conf.pruning_in_epochs import settings_in_epochs, span_of
from inc_hf.migrate.conf.pruning_kinds import kind_of
from inc_hf.migrate.conf.pruning_sections import (
    Pruner,
    PrunerV2,
    WeightCompressionSection,
    WeightCompressionV2Section,
)
from inc_hf.migrate.conf.sections import Conf, Where


def is_in_epochs(conf: Conf) -> bool:
    """Whether the steps of the config come from epochs, of which not all are 0."""
    if conf.pruning is None or conf.pruning.approach.weight_compression is None:
        return False
    section = conf.pruning.approach.weight_compression
    return any(span_of(section, pruner)[1] > 0 for pruner in section.pruners or [Pruner()])


def pruning_config(conf: Conf, steps_per_epoch: int | None = None) -> WeightPruningConfig | None:
    """
    Of `pruning`.

    Args:
        steps_per_epoch (`int`, *optional*):
            Optimizer steps of one epoch, such as `len(train_dataloader)`. `weight_compression` counts in epochs;
            `weight_compression_pytorch` and `weight_compression_v2` count in steps and do not need it.

    Raises:
        ConfError: the length of an epoch is needed and not given, or 2.X has no such pruning.
    """
    if conf.pruning is None:
        return None
    refuse_onnxruntime(conf, "pruning")
    approach, place = conf.pruning.approach, ("pruning", "approach")
    if approach.weight_compression_v2 is not None:
        return _v2_config(conf, approach.weight_compression_v2, (*place, "weight_compression_v2"))
    if approach.weight_compression_pytorch is not None:
        section, place = approach.weight_compression_pytorch, (*place, "weight_compression_pytorch")
        return _config(conf, section, place, lambda pruner, _: _in_steps(section, pruner))
    section = approach.weight_compression or WeightCompressionSection()
    if is_in_epochs(conf) and steps_per_epoch is None:
        raise conf.error(_question(conf), *IN_EPOCHS)
    length = steps_per_epoch or 1
    return _config(conf, section, IN_EPOCHS, lambda pruner, at: settings_in_epochs(conf, section, pruner, at, length))


def _question(conf: Conf) -> str:
    train = conf.pruning.train
    hint = ""
    if train is not None and train.iteration is not None:
        hint = f" `pruning.train.iteration` says that it has {train.iteration} at most."
    return (
        "counts in epochs, and 2.X in optimizer steps. How many steps has an epoch? Say it with "
        "`pruning_config(conf, steps_per_epoch=len(train_dataloader))`, on a command line with `--steps-per-epoch N`."
        f"{hint}"
    )


def _config(
    conf: Conf,
    section: WeightCompressionSection,
    place: Where,
    settings_of: Callable[[Pruner, Where], dict[str, Any]],
) -> WeightPruningConfig:
    settings = []
    for i, pruner in enumerate(section.pruners or [Pruner()]):
        there = (*place, "pruners", str(i)) if section.pruners else place
        settings.append({**kind_of(conf, section, pruner, there), **settings_of(pruner, there)})
        if settings[-1]["pruning_type"] == "pattern_lock":
            settings[-1] |= {"start_step": 0, "end_step": 0}
    return built(conf, place, WeightPruningConfig, _shared_and_local(settings))


def _shared_and_local(settings: list[dict[str, Any]]) -> dict[str, Any]:
    """What all pruners have alike is global, the rest in `pruning_configs`."""
    first = settings[0]
    shared = {
        name: value
        for name, value in first.items()
        if name not in LOCAL_DEFAULTS and all(name in each and each[name] == value for each in settings)
    }
    local = [{name: value for name, value in each.items() if name not in shared} for each in settings]
    return {**shared, **({"pruning_configs": local} if any(local) else {})}


def _in_steps(section: WeightCompressionSection, pruner: Pruner) -> dict[str, Any]:
    """Of `weight_compression_pytorch`: names are regular expressions, time is in steps."""
    settings = {
        "start_step": first_given(pruner.start_step, section.start_step),
        "end_step": first_given(pruner.end_step, section.end_step),
        "pruning_frequency": first_given(pruner.update_frequency_on_step, section.update_frequency_on_step),
        "pruning_scope": first_given(pruner.prune_domain, section.prune_domain),
        "sparsity_decay_type": first_given(pruner.sparsity_decay_type, section.sparsity_decay_type),
        "max_sparsity_ratio_per_op": first_given(
            pruner.max_sparsity_ratio_per_layer, section.max_sparsity_ratio_per_layer
        ),
    }
    names = first_given(pruner.names, section.names)
    return {**settings, "op_names": names} if names else settings


def _v2_config(conf: Conf, section: WeightCompressionV2Section, place: Where) -> WeightPruningConfig:
    """The names are those of 2.X already."""
    names = [field.name for field in fields(PrunerV2)]
    shared = {name: value for name, value in given(section, names).items() if name not in LOCAL_DEFAULTS}
    local = {name: getattr(section, name) for name in names if name in LOCAL_DEFAULTS and conf.gives(*place, name)}
    pruners = [{**local, **given(pruner, names)} for pruner in section.pruners or [PrunerV2()]]
    settings = {**shared, **({"pruning_configs": pruners} if any(pruners) else {})}
    return built(conf, place, WeightPruningConfig, settings)
