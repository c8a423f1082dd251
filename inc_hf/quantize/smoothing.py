"""Which layers of a config are smoothed, and with which alpha."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.quantize.per_token import PRODUCTS, wants_static_scales
from inc_hf.quantize.scheme import Scheme

AUTO_ALPHAS = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
Alpha = float | tuple[float, ...] | None


def with_smoothing(
    schemes: Mapping[str, Scheme],
    kinds: Mapping[str, str],
    config: PostTrainingQuantConfig,
    settings: Mapping[str, Mapping[str, Any]],
) -> dict[str, Scheme]:
    """The schemes with the alpha of the config, or with several, of which each layer gets the best.

    Args:
        kinds: module name -> op type.
        settings: module name -> what the config says of it.
    """
    alpha, is_asked = smoothing_alphas(config)[0], bool(config.recipe("smooth_quant"))
    return {
        name: replace(scheme, smooth_alpha=alpha)
        if kinds[name] in PRODUCTS and (is_asked or _is_free(scheme, settings[name]))
        else scheme
        for name, scheme in schemes.items()
    }


def smoothing_alphas(config: PostTrainingQuantConfig) -> list[Alpha]:
    """SmoothQuant's alpha, or the alphas to try in turn, of `recipes`; [None] without it.

    Without a number it is an alpha for each layer, since INC's default of 0.5 makes models worse. So it is for a
    runtime that needs static scales, where the feed-forward products cannot have theirs per token.
    """
    arguments = config.recipe("smooth_quant_args")
    if not config.recipe("smooth_quant"):
        is_default = "smooth_quant" not in config.recipes and wants_static_scales(config)
        return [AUTO_ALPHAS if is_default else None]
    alpha = arguments.get("alpha", "auto")
    if alpha == "auto":
        return [_grid(**arguments["auto_alpha_args"]) if arguments.get("auto_alpha_args") else AUTO_ALPHAS]
    return list(alpha) if isinstance(alpha, list) else [alpha]


def _grid(alpha_min: float = 0.0, alpha_max: float = 1.0, alpha_step: float = 0.1, **others: Any) -> tuple[float, ...]:
    """INC's `auto_alpha_args`; `others` change nothing here."""
    steps = int((alpha_max - alpha_min) / alpha_step + 1e-6)
    return tuple(round(alpha_min + i * alpha_step, 6) for i in range(steps + 1))


def _is_free(scheme: Scheme, settings: Mapping[str, Any]) -> bool:
    """Whether a layer may be smoothed that no recipe speaks of: its range is not asked to be another observer's."""
    return scheme.is_static and "algorithm" not in settings.get("activation", {})
