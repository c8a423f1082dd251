"""Which activations get a scale per token although the approach is static: those of the feed-forward products.

A few channels of their inputs are tens of standard deviations large. One scale for all tokens is then too coarse for
the rest, and no choice of it helps; `benchmarks/static_accuracy.md` has figures.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.matching.feed_forward import feed_forward_names
from inc_hf.quantize.nn import op_type

PRODUCTS = ("Linear", "Conv1D")
PLACEHOLDER = "placeholder"  # INC's algorithm of activations whose range is not observed


def is_product(module: nn.Module) -> bool:
    """Whether a module is a product with a matrix that can be quantized."""
    return op_type(module) in PRODUCTS


def per_token_names(
    model: nn.Module, config: PostTrainingQuantConfig, settings: Mapping[str, Mapping[str, Any]]
) -> set[str]:
    """The modules that get a scale per token under `approach="static"`; what the config says of activations wins.

    Args:
        settings: module name -> what the config says of it, as `resolve_schemes` merges it.
    """
    if config.recipe("smooth_quant") or wants_static_scales(config):
        return set()
    names = feed_forward_names(model, is_product)
    return {name for name in names if name in settings and not speaks_of_activations(settings[name])}


def wants_static_scales(config: PostTrainingQuantConfig) -> bool:
    """Whether the model is for a runtime that is slow on scales that are computed at each call."""
    return config.approach != "dynamic" and config.quant_format != "default"


def approach_of(settings: Mapping[str, Any], default: str) -> str:
    """Whether a layer's activations are static or dynamic, where its settings are to decide that."""
    activation = settings.get("activation", {})
    if (
        activation.get("granularity", [None])[0] == "per_token"
        or activation.get("algorithm", [None])[0] == PLACEHOLDER
    ):
        return "dynamic"
    return "static" if speaks_of_activations(settings) else default


def speaks_of_activations(settings: Mapping[str, Any]) -> bool:
    """Whether settings choose how static scales are found; int8 alone fits both kinds."""
    activation = settings.get("activation", {})
    return activation.get("dtype", ["int8"])[0] != "int8" or any(key != "dtype" for key in activation)
