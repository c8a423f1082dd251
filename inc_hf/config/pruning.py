"""Config class of pruning during training."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from numbers import Integral
from types import SimpleNamespace
from typing import Any

from inc_hf.config.base import ConfigMixin, JsonList
from inc_hf.config.checks import (
    check_bool,
    check_choice,
    check_float,
    check_int,
    check_keys,
    check_regexes,
    check_string,
    check_strings,
    did_you_mean,
    parse_json,
    wrong_type,
)
from inc_hf.config.loose_keys import known_settings, takes_local_settings
from inc_hf.config.registered import check_choice_or_registered
from inc_hf.errors import UsageError

PRUNING_TYPES = (
    "snip_momentum",
    "snip_momentum_progressive",
    "snip",
    "snip_progressive",
    "magnitude",
    "magnitude_progressive",
    "gradient",
    "gradient_progressive",
    "pattern_lock",
    "block_mask",
    "retrain_free",
    "sparse_gpt",
    "wanda",
    "dsnot",
)
COMMON_PATTERNS = ("4x1", "1x1", "2:4", "channelx1", "1xchannel", "mha")
PATTERN = re.compile(r"(?P<zeros>[1-9]\d*):(?P<of>[1-9]\d*)|[1-9]\d*x[1-9]\d*|channelx[1-9]\d*|[1-9]\d*xchannel|mha")

OLDER_PREFIX = "tile_pattern_"  # of the same patterns in INC 1.X

# Settings that only an element of `pruning_configs` has, with their defaults.
LOCAL_DEFAULTS: dict[str, Any] = {
    "resume_from_pruned_checkpoint": False,
    "reg_type": None,
    "criterion_type": None,
    "criterion_reduce_type": "mean",
    "lock_init_sparsity": None,
    "parameters": {"reg_coeff": 0.0},
}


def _check_pattern(name: str, value: Any) -> str:
    value = check_string(name, value).removeprefix(OLDER_PREFIX)
    match = PATTERN.fullmatch(value)
    if match is None:
        raise UsageError(
            f"`{name}` must be NxM, N:M, channelxK, Kxchannel or mha, N, M and K being 1 or more, "
            f"got {value!r}{did_you_mean(value, COMMON_PATTERNS)}"
        )
    if match["zeros"] and int(match["zeros"]) >= int(match["of"]):
        raise UsageError(f"`{name}` N:M makes N of M consecutive weights zero, so M must be larger, got {value!r}.")
    return value


def _check_step(name: str, value: Any, low: int) -> int | float | None:
    """A step as an int, a share of the run as a float in (0, 1). None is left to the length of the run."""
    if value is None:
        return None
    if isinstance(value, str):
        value = _parse_number(name, value)
    number = check_float(name, value, low=low)
    if 0 < number < 1:
        return number
    if not number.is_integer() or (number == 1 and not isinstance(value, Integral)):
        raise UsageError(
            f"`{name}` must be a step (an int) or a share of the run (a float between 0 and 1, both excluded), "
            f"got {value}; the end of the run is `end_step=-1`."
        )
    return int(number)


def _parse_number(name: str, text: str) -> int | float:
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        raise UsageError(f"`{name}` must be a step or a share of the run, got {text!r}.") from None


def _check_optional(name: str, value: Any, check: Callable[[str, Any], Any]) -> Any:
    return None if value is None else check(name, value)


def _check_parameters(name: str, value: Any) -> dict[str, float]:
    parameters = parse_json(name, value, dict)
    check_keys(name, parameters, ("reg_coeff",))
    return {"reg_coeff": check_float(f"{name}['reg_coeff']", parameters.get("reg_coeff", 0.0), low=0)}


# How to check each setting: of the whole config or of one element of `pruning_configs`.
GLOBAL_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "target_sparsity": partial(check_float, low=0, high=1, open_high=True),
    "pruning_type": partial(check_choice_or_registered, choices=PRUNING_TYPES, kind="pruning type"),
    "pattern": _check_pattern,
    "op_names": check_regexes,
    "excluded_op_names": check_regexes,
    "backend": partial(_check_optional, check=check_string),
    "start_step": partial(_check_step, low=0),
    "end_step": partial(_check_step, low=-1),
    "pruning_scope": partial(check_choice, choices=("global", "local")),
    "pruning_frequency": partial(_check_optional, check=partial(check_int, low=1)),
    "min_sparsity_ratio_per_op": partial(check_float, low=0, high=1),
    "max_sparsity_ratio_per_op": partial(check_float, low=0, high=1),
    "sparsity_decay_type": partial(
        check_choice, choices=("exp", "cube", "cos", "linear", "cubic", "linear_from_start")
    ),
    "pruning_op_types": check_strings,
    "low_memory_usage": check_bool,
}
LOCAL_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    **GLOBAL_CHECKS,
    "resume_from_pruned_checkpoint": check_bool,
    "reg_type": partial(_check_optional, check=partial(check_choice, choices=("group_lasso",))),
    "criterion_type": partial(_check_optional, check=check_string),
    "criterion_reduce_type": partial(check_choice, choices=("mean", "sum", "max")),
    "lock_init_sparsity": partial(_check_optional, check=check_bool),
    "parameters": _check_parameters,
}
SHORT = "reg_coeff"  # may stand for `parameters`, in which it is the only one


@takes_local_settings([*LOCAL_DEFAULTS, SHORT])
@dataclass
class WeightPruningConfig(ConfigMixin):
    """
    What to prune, in which blocks, how far and when. Steps are optimizer steps, not epochs.

    Args:
        pruning_configs (`list[dict]` or `str`, *optional*, defaults to `[{}]`):
            One dict per group of layers, or the JSON text of the list. A dict takes the settings below, which it
            otherwise inherits, and these: `resume_from_pruned_checkpoint` (`bool`, defaults to `False`), `reg_type`
            (None or `"group_lasso"`), `parameters` (`{"reg_coeff": float}`, defaults to 0.0), `criterion_reduce_type`
            (`"mean"`, `"sum"` or `"max"`: how the scores of a block become one, defaults to `"mean"`),
            `lock_init_sparsity` (`bool`, *optional*) and `criterion_type` (`str`, accepted but not used, as in INC).
            [`~WeightPruningConfig.merged_configs`] gives the result.
        target_sparsity (`float`, *optional*, defaults to 0.9):
            Share of the weights that are zero at the end, in [0, 1); at most N/M with the pattern `"N:M"`. Where units
            differ in size (`"channelxK"`, `"Kxchannel"`, `"mha"`), the share of the units.
        pruning_type (`str`, *optional*, defaults to `"snip_momentum"`):
            How a weight is scored: `"magnitude"`, `"gradient"`, `"snip"` or `"snip_momentum"`, each also with
            `"_progressive"` behind it; `"pattern_lock"` (keep the zeros that there are), `"block_mask"`,
            `"retrain_free"`, `"sparse_gpt"`, `"wanda"` or `"dsnot"`.
        pattern (`str`, *optional*, defaults to `"4x1"`):
            Shape of a block, output channels first: `"NxM"` (`"1x1"` is unstructured), `"N:M"` (N zeros in M
            consecutive inputs, M > N), `"channelxK"` and `"Kxchannel"` (K whole input or output channels), `"mha"`
            (attention heads).
        op_names (`list[str]`, *optional*, defaults to `[]`):
            Regular expressions, searched in the layers' names, of what to prune. Empty means every layer.
        excluded_op_names (`list[str]`, *optional*, defaults to `[]`):
            Regular expressions, searched in the layers' names, of what not to prune.
        backend (`str`, *optional*):
            Not used, as in INC.
        start_step (`int` or `float`, *optional*):
            First step that prunes. A float in (0, 1) is a share of the run; INC only takes steps. By default the end
            of the learning rate's warm-up; 0 where `end_step` is given, as in INC.
        end_step (`int` or `float`, *optional*):
            Last step that prunes, not before `start_step`; -1 is the end of the run, a float in (0, 1) a share of it.
            By default 60 % of the steps from `start_step` on prune, and the others heal. INC's default is 0, with
            which nothing that needs gradients can be pruned.
        pruning_scope (`str`, *optional*, defaults to `"global"`):
            Whether scores compete in all layers (`"global"`) or within each layer (`"local"`).
        pruning_frequency (`int`, *optional*):
            Steps from one update of the masks to the next, 1 or more. By default so many that there are about 64
            updates; 1 where `end_step` is a step, as in INC.
        min_sparsity_ratio_per_op (`float`, *optional*, defaults to 0.0):
            Smallest sparsity of a layer, in [0, 1].
        max_sparsity_ratio_per_op (`float`, *optional*, defaults to 0.98):
            Largest sparsity of a layer, in [0, 1], not less than `min_sparsity_ratio_per_op`.
        sparsity_decay_type (`str`, *optional*, defaults to `"exp"`):
            How sparsity grows from start to end: `"exp"`, `"cube"`, `"cos"` or `"linear"` as in INC, `"cubic"`
            (fast first, then slower; Zhu and Gupta, 2017), or `"linear_from_start"`, INC 1.X's, of which the update at
            `start_step` is the first one.
        pruning_op_types (`list[str]`, *optional*, defaults to `["Conv", "Linear"]`):
            Parts of the class names of the layers to prune.
        low_memory_usage (`bool`, *optional*, defaults to `False`):
            Whether to keep scores in 16 bits, and one per block. N:M and progressive types need one per weight.
    """

    UNREAD = ("backend",)

    pruning_configs: JsonList = field(default_factory=lambda: [{}])
    target_sparsity: float = 0.9
    pruning_type: str = "snip_momentum"
    pattern: str = "4x1"
    op_names: list[str] | str = field(default_factory=list)
    excluded_op_names: list[str] | str = field(default_factory=list)
    backend: str | None = None
    start_step: int | str | float | None = None
    end_step: int | str | float | None = None
    pruning_scope: str = "global"
    pruning_frequency: int | None = None
    min_sparsity_ratio_per_op: float = 0.0
    max_sparsity_ratio_per_op: float = 0.98
    sparsity_decay_type: str = "exp"
    pruning_op_types: list[str] | str = field(default_factory=lambda: ["Conv", "Linear"])
    low_memory_usage: bool = False

    def _check_fields(self):
        for name, check in GLOBAL_CHECKS.items():
            setattr(self, name, check(name, self[name]))
        self.pruning_configs = _check_pruning_configs(self.pruning_configs)

    def _check_together(self):
        for i, (local, merged) in enumerate(zip(self.pruning_configs, self.merged_configs(), strict=True)):
            _check_merged(f"`pruning_configs[{i}]`: " if local else "", merged)

    def _idle(self) -> list[str]:
        named = any(local.get("criterion_type") is not None for local in self.pruning_configs)
        return super()._idle() + (["`criterion_type` (it is `pruning_type` that chooses)"] if named else [])

    @property
    def weight_compression(self) -> "Settings":
        """All settings as attributes and items of one object, as INC has them; what is assigned to it is set here."""
        return Settings(self)

    def merged_configs(self) -> list["MergedConfig"]:
        """One object per element of `pruning_configs` with all settings: its own, otherwise the global or default one.

        `parameters` comes as the attribute `reg_coeff`.
        """
        shared = {**LOCAL_DEFAULTS, **{name: self[name] for name in GLOBAL_CHECKS}}
        return [_flat({**shared, **local}) for local in self.pruning_configs]


class Settings:
    """The fields of a config, as attributes and as items."""

    __slots__ = ("_config",)

    def __init__(self, config: WeightPruningConfig):
        object.__setattr__(self, "_config", config)

    @property
    def __dict__(self) -> dict[str, Any]:
        return dict(self._config)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._config.keys():
            raise AttributeError(f"There is no setting {name!r}{did_you_mean(name, self._config.keys())}")
        return self._config[name]

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._config, name, value)

    __getitem__, __setitem__ = __getattr__, __setattr__


class MergedConfig(SimpleNamespace):
    """Settings as attributes, and as items, as INC's users know them from `pruners[i].config`."""

    def __getitem__(self, name: str) -> Any:
        return vars(self)[name]


def _flat(settings: dict[str, Any]) -> MergedConfig:
    parameters = settings.pop("parameters")
    return MergedConfig(**settings, **parameters)


def _check_pruning_configs(value: Any) -> list[dict[str, Any]]:
    if value is None:
        return [{}]
    configs = parse_json("pruning_configs", value, list)
    if not configs:
        raise UsageError(
            "`pruning_configs` is empty, so that nothing would be pruned; leave it out to prune every layer."
        )
    checked = []
    for i, local in enumerate(configs):
        where = f"pruning_configs[{i}]"
        if not isinstance(local, dict):
            raise wrong_type(where, "a dict", local)
        local = known_settings(where, local, [*LOCAL_CHECKS, SHORT])
        if SHORT in local:
            local.setdefault("parameters", {SHORT: local.pop(SHORT)})
        checked.append({key: LOCAL_CHECKS[key](f"{where}[{key!r}]", item) for key, item in local.items()})
    return checked


def _check_merged(where: str, config: SimpleNamespace) -> None:
    """Rules that connect two settings, of which one may be global and the other local."""
    start, end = config.start_step, config.end_step
    if end is None:  # it follows from `start` and the length of the run, and is never before `start`
        start = end = start or 0
    start = start or 0
    comparable = isinstance(start, float) == isinstance(end, float) or 0 in (start, end)
    if end != -1 and comparable and end < start:
        raise UsageError(
            f"{where}`end_step` must not be before `start_step`, got {end} and {start}; -1 is the end of the run."
        )
    if config.pruning_type == "pattern_lock" and start != end:
        raise UsageError(
            f"{where}`start_step` and `end_step` must be equal with the pruning type 'pattern_lock', "
            f"got {start} and {end}."
        )
    low, high = config.min_sparsity_ratio_per_op, config.max_sparsity_ratio_per_op
    if low > high:
        raise UsageError(
            f"{where}`min_sparsity_ratio_per_op` must not be above `max_sparsity_ratio_per_op`, got {low} and {high}."
        )
    match = PATTERN.fullmatch(config.pattern)
    if match["zeros"] and config.pruning_type != "pattern_lock":  # which keeps the zeros that there are
        limit = int(match["zeros"]) / int(match["of"])
        if config.target_sparsity > limit:
            raise UsageError(
                f"{where}`target_sparsity` must be at most {limit} with the pattern {config.pattern!r}, "
                f"got {config.target_sparsity}."
            )
