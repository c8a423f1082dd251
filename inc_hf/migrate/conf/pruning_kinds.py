"""What kind of pruning a pruner of 1.X is: the type, the blocks, the goal and the layers."""

from typing import Any

from inc_hf.config.checks import did_you_mean
from inc_hf.migrate.conf.building import first_given
from inc_hf.migrate.conf.pruning_sections import Pruner, WeightCompressionSection
from inc_hf.migrate.conf.sections import Conf, Where

TYPES = {
    "basic_magnitude": "magnitude",
    "magnitude": "magnitude",
    "gradient_sensitivity": "snip",  # both score a weight by |weight * gradient|
    "snip": "snip",
    "snip_momentum": "snip_momentum",
    "group_lasso": "magnitude",
    "pattern_lock": "pattern_lock",
}


def kind_of(conf: Conf, section: WeightCompressionSection, pruner: Pruner, place: Where) -> dict[str, Any]:
    """The type of pruning, its blocks and its goal."""
    name = pruner.prune_type or section.prune_type
    if name not in TYPES:
        raise conf.error(
            f"must be one of {', '.join(TYPES)}, got {name!r}{did_you_mean(name, TYPES)}", *place, "prune_type"
        )
    parameters = pruner.parameters or {}
    _refuse_structured(conf, name, parameters, place)
    settings = {
        "target_sparsity": first_given(pruner.target_sparsity, section.target_sparsity),
        "pruning_type": TYPES[name],
        "pattern": _pattern(parameters.get("pattern") or pruner.pattern or section.pattern),
        "excluded_op_names": _excluded(section, pruner),
    }
    if types := pruner.prune_layer_type or section.prune_layer_type:
        settings["pruning_op_types"] = types
    if name == "group_lasso":
        settings |= {"reg_type": "group_lasso", "parameters": {"reg_coeff": parameters.get("alpha", 0.0)}}
    return settings


def _refuse_structured(conf: Conf, name: str, parameters: dict[str, Any], place: Where) -> None:
    if name == "gradient_sensitivity" and parameters:
        raise conf.error(
            "cuts out whole heads or neurons until `target` are left, which depends on how many there are. In 2.X: "
            'WeightPruningConfig(pruning_type="snip", pattern="mha", target_sparsity=<share of the heads>) for heads, '
            'pattern="1xchannel" for neurons; `inc_hf.compression.pruner.model_slim` cuts them out.',
            *place,
            "parameters",
        )


def _pattern(name: str) -> str:
    return str(name).rpartition("_")[2]  # `tile_pattern_4x1`, `oc_pattern_4x1`: as INC split them


def _excluded(section: WeightCompressionSection, pruner: Pruner) -> list[str]:
    """As in INC: those of the pruner instead of the section's, and the extra ones of both."""
    excluded = first_given(pruner.excluded_names, pruner.exclude_names, section.excluded_names)
    extra = first_given(pruner.extra_excluded_names, section.extra_excluded_names, [])
    return list(dict.fromkeys([*excluded, *extra]))
