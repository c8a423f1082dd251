"""Checks and normal form of the per-layer settings (`op_type_dict`, `op_name_dict`) and of the recipes."""

import copy
from typing import Any

from inc_hf.config.checks import (
    check_bool,
    check_choice,
    check_float,
    check_int,
    check_keys,
    check_list,
    check_regex,
    check_strings,
    did_you_mean,
    parse_json,
    wrong_type,
)
from inc_hf.config.registered import check_choice_or_registered
from inc_hf.errors import UsageError

FLOAT_DTYPES = ("fp32", "bf16", "fp16")

WEIGHT_CHOICES = {
    "dtype": (
        "int8",
        "uint8",
        "int7",
        "int4",
        "int",
        "nf4",
        "fp4",
        "fp4_e2m1",
        "fp4_e2m1_bnb",
        *FLOAT_DTYPES,
    ),
    "scheme": ("sym", "asym", "asym_float"),
    "granularity": ("per_channel", "per_tensor"),
    "algorithm": ("minmax", "RTN", "AWQ", "GPTQ", "TEQ", "AUTOROUND"),
}
ACTIVATION_CHOICES = {
    "dtype": ("uint8", "int8", *FLOAT_DTYPES, "None"),
    "scheme": ("asym", "sym"),
    "granularity": ("per_tensor", "per_channel", "per_token"),
    "algorithm": ("minmax", "kl", "percentile", "mse", "moving_average", "placeholder"),
}

GRAPH_OPTIMIZATION_LEVELS = ("DISABLE_ALL", "ENABLE_BASIC", "ENABLE_EXTENDED", "ENABLE_ALL")

GRID = ("alpha_min", "alpha_max", "alpha_step")
# INC's; of these, only the grid changes anything here, and `do_blockwise` is refused.
AUTO_ALPHA_ARGS = (*GRID, "shared_criterion", "do_blockwise", "n_samples", "init_alpha")

START = "default_alpha"  # INC's documentation has it beside `smooth_quant_args`, and its code inside
SMOOTHING = ("alpha", "auto_alpha_args")  # what is read of `smooth_quant_args`; INC has more
IDLE_RECIPES = ("rtn_args", "awq_args", "gptq_args", "teq_args", "autoround_args")

# The default of every recipe; a recipe's value has the type of its default.
RECIPES: dict[str, Any] = {
    "smooth_quant": False,
    "smooth_quant_args": {},
    "layer_wise_quant": False,
    "layer_wise_quant_args": {},
    "rtn_args": {},
    "awq_args": {},
    "gptq_args": {},
    "teq_args": {},
    "autoround_args": {},
    "fast_bias_correction": False,
    "weight_correction": False,
    "gemm_to_matmul": True,
    "graph_optimization_level": None,
    "first_conv_or_matmul_quantization": True,
    "last_conv_or_matmul_quantization": True,
    "pre_post_process_quantization": True,
    "add_qdq_pair_to_weight": False,
    "optypes_to_exclude_output_quant": [],
    "dedicated_qdq_pair": False,
}


def normalize_op_dict(name: str, value: Any) -> dict[str, dict[str, dict[str, list]]]:
    """Check an `op_type_dict` or `op_name_dict` and return it with every setting as a list of options.

    Args:
        name (`str`):
            Name of the field, for error messages.
        value (`dict`, `str` or `None`):
            `{regex: {"weight": {setting: option or options}, "activation": {...}}}` or its JSON text. None gives `{}`.
    """
    normal = {}
    for pattern, sections in parse_json(name, value, dict).items():
        where = f"{name}[{pattern!r}]"
        check_regex(f"{name} key", pattern)
        if not isinstance(sections, dict):
            raise wrong_type(where, "a dict with the keys weight and activation", sections)
        check_keys(where, sections, ("weight", "activation"))
        normal[pattern] = {
            section: _normalize_section(f"{where}[{section!r}]", section, settings)
            for section, settings in sections.items()
        }
    return normal


def check_recipes(name: str, value: Any) -> dict[str, Any]:
    """A new dict with the recipes that the user gave (a dict, its JSON text or None), each checked."""
    recipes = dict(parse_json(name, value, dict))
    arguments = recipes.get("smooth_quant_args", {})
    if START in recipes and isinstance(arguments, dict):
        recipes["smooth_quant_args"] = {START: recipes.pop(START), **arguments}
    check_keys(name, recipes, RECIPES)
    return {key: _check_recipe(f"{name}[{key!r}]", key, item) for key, item in recipes.items()}


def recipe(recipes: dict[str, Any], name: str) -> Any:
    """Value of the recipe `name`: the user's in `recipes`, otherwise the default."""
    if name not in RECIPES:
        raise UsageError(f"There is no recipe {name!r}, only {', '.join(RECIPES)}{did_you_mean(name, RECIPES)}")
    return recipes[name] if name in recipes else copy.deepcopy(RECIPES[name])


def idle_recipes(recipes: dict[str, Any]) -> list[str]:
    """The recipes that nothing here reads, in words; `check_supported` speaks of those for ONNX Runtime."""
    given = {name: f"the recipe `{name}`" for name in IDLE_RECIPES if recipes.get(name)}
    arguments = recipes.get("smooth_quant_args", {})
    for key in arguments:
        if key not in SMOOTHING:
            nearest = "" if key == START else did_you_mean(key, SMOOTHING).strip(".; ?")
            given[key] = f"`{key}` of `smooth_quant_args`{f' ({nearest}?)' if nearest else ''}"
    for key in arguments.get("auto_alpha_args", {}):
        if key not in (*GRID, "do_blockwise"):
            given[f"auto {key}"] = f"`{key}` of `auto_alpha_args`"
    return list(given.values())


def _normalize_section(where: str, section: str, settings: Any) -> dict[str, list]:
    if not isinstance(settings, dict):
        raise wrong_type(where, "a dict", settings)
    choices = WEIGHT_CHOICES if section == "weight" else ACTIVATION_CHOICES
    check_keys(where, settings, (*choices, "bits", "group_size") if section == "weight" else choices)
    normal = {}
    for key, value in settings.items():
        label = f"{where}[{key!r}]"
        options = list(value) if isinstance(value, (list, tuple)) else [value]
        if not options:
            raise UsageError(f"`{label}` is an empty list; give at least one option or leave the setting out.")
        if key == "bits":
            normal[key] = [check_int(label, option, low=1, high=8) for option in options]
        elif key == "group_size":
            normal[key] = [_check_group_size(label, option) for option in options]
        elif (section, key) == ("activation", "algorithm"):
            normal[key] = [check_choice_or_registered(label, option, choices[key], "observer") for option in options]
        else:
            normal[key] = [check_choice(label, option, choices[key]) for option in options]
    return normal


def _check_group_size(label: str, value: Any) -> int:
    size = check_int(label, value, low=-1)
    if size == 0:
        raise UsageError(f"`{label}` must be -1 (one group per output channel) or at least 1, got 0.")
    return size


def _check_recipe(label: str, name: str, value: Any) -> Any:
    default = RECIPES[name]
    if isinstance(default, bool):
        return check_bool(label, value)
    if isinstance(default, list):
        return check_strings(label, value)
    if isinstance(default, dict):
        if not isinstance(value, dict):
            raise wrong_type(label, "a dict", value)
        return _check_smoothing(label, value) if name == "smooth_quant_args" else dict(value)
    return None if value is None else check_choice(label, value, GRAPH_OPTIMIZATION_LEVELS)


def _check_smoothing(label: str, value: dict[str, Any]) -> dict[str, Any]:
    checked = dict(value)
    if "alpha" in value:
        checked["alpha"] = _check_alpha(f"{label}['alpha']", value["alpha"])
    if "auto_alpha_args" in value:
        checked["auto_alpha_args"] = _check_grid(f"{label}['auto_alpha_args']", value["auto_alpha_args"])
    return checked


def _check_grid(label: str, value: Any) -> dict[str, Any]:
    """INC's grid of alphas; what else INC has there is kept."""
    if not isinstance(value, dict):
        raise wrong_type(label, "a dict", value)
    check_keys(label, value, AUTO_ALPHA_ARGS)
    low = check_float(f"{label}['alpha_min']", value.get("alpha_min", 0.0), 0, 1)
    check_float(f"{label}['alpha_max']", value.get("alpha_max", 1.0), low, 1)
    check_float(f"{label}['alpha_step']", value.get("alpha_step", 0.1), 0.01, 1)
    return dict(value)


def _check_alpha(label: str, alpha: Any) -> float | str | list[float]:
    if isinstance(alpha, str):
        return check_choice(label, alpha, ("auto",))
    if isinstance(alpha, (list, tuple)):
        if not alpha:
            raise UsageError(f"`{label}` is an empty list; give at least one number in [0, 1] or 'auto'.")
        return [check_float(label, item, 0, 1) for item in check_list(label, alpha)]
    return check_float(label, alpha, 0, 1)
