"""What user settings make of a module's default scheme."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from inc_hf.errors import UsageError
from inc_hf.quantize.observer import OBSERVERS
from inc_hf.quantize.scheme import ActivationScheme, Scheme, WeightScheme

logger = logging.getLogger(__name__)

FLOAT_DTYPES = ("fp32", "bf16", "fp16")
INTEGER_BITS = {"int8": None, "uint8": None, "int": None, "int7": 7, "int4": 4}
PRODUCTS = ("Linear", "Conv1D")
IN_FLOAT = {"weight": {"dtype": ["fp32"]}}


def default_scheme(kind: str, approach: str, weight_bits: int) -> Scheme:
    """Scheme of an op type: 8-bit rows for embeddings, `weight_bits` and the approach's activations for others."""
    if kind == "Embedding":
        return Scheme(WeightScheme(8))
    activation = {
        "dynamic": ActivationScheme(dynamic=True, symmetric=True),
        "static": ActivationScheme(dynamic=False, symmetric=False),
        "weight_only": None,
    }[approach]
    return Scheme(WeightScheme(weight_bits), activation)


def merged_settings(weaker: Mapping[str, dict], stronger: Mapping[str, dict]) -> dict[str, dict]:
    """Settings of both; where they disagree, the stronger one. Naming integer settings takes back an earlier float."""
    merged = {
        section: {**weaker.get(section, {}), **stronger.get(section, {})} for section in ("weight", "activation")
    }
    if wants_float(weaker) and not wants_float(stronger):
        for section in ("weight", "activation"):
            if "dtype" not in stronger.get(section, {}):
                merged[section].pop("dtype", None)
    return merged


def wants_float(settings: Mapping[str, Any]) -> bool:
    dtype = settings.get("weight", {}).get("dtype") or settings.get("activation", {}).get("dtype") or ["int8"]
    return dtype[0] in FLOAT_DTYPES


def apply_settings(name: str, kind: str, approach: str, bits: int, settings: Mapping[str, Any]) -> Scheme | None:
    """Scheme of one module after user settings: the first option of each list that is available; None is float."""
    if wants_float(settings):
        if settings.get("weight", {}).get("dtype", ["fp32"])[0] != "fp32":
            logger.warning("`%s` stays in the model's own precision; bf16 and fp16 come with `mix_precision`.", name)
        return None
    scheme = default_scheme(kind, approach, bits)
    weight = _apply_weight(name, kind, scheme.weight, settings.get("weight", {}))
    activation = scheme.activation
    if activation is not None:
        activation = _apply_activation(name, activation, settings.get("activation", {}))
    return Scheme(weight, activation)


def _apply_weight(name: str, kind: str, weight: WeightScheme, settings: Mapping[str, list]) -> WeightScheme:
    dtype = _first(name, "weight dtype", settings.get("dtype"), INTEGER_BITS)
    _first(name, "weight algorithm", settings.get("algorithm"), ("minmax", "RTN"))
    num_bits = _first(name, "weight bits", settings.get("bits"), range(2, 9)) or INTEGER_BITS.get(dtype)
    granularity = _first(name, "weight granularity", settings.get("granularity"), ("per_channel", "per_tensor"))
    per_channel = (granularity or "per_channel") == "per_channel"
    can_be_fine = kind in PRODUCTS and per_channel
    schemes = ("sym", *(["asym"] if can_be_fine else []), *(["asym_float"] if dtype == "uint8" else []))
    symmetric = _first(name, "weight scheme", settings.get("scheme"), schemes) != "asym"
    sizes = AnySize() if can_be_fine else (-1,)
    group_size = _first(name, "weight group_size", settings.get("group_size"), sizes) or -1
    return WeightScheme(num_bits or weight.num_bits, per_channel, symmetric=symmetric, group_size=group_size)


class AnySize:
    """All sizes of groups, for products with a scale per channel."""

    def __contains__(self, size: int) -> bool:
        return True


def _apply_activation(
    name: str, activation: ActivationScheme, settings: Mapping[str, list]
) -> ActivationScheme | None:
    if settings.get("dtype", ["int8"])[0] in (*FLOAT_DTYPES, "None"):
        return None
    schemes = ("sym",) if activation.dynamic else ("asym", "sym")
    scheme = _first(name, "activation scheme", settings.get("scheme"), schemes, soft=activation.dynamic)
    if activation.dynamic:
        return activation
    _first(name, "activation granularity", settings.get("granularity"), ("per_tensor",))
    observer = _first(name, "activation algorithm", settings.get("algorithm"), OBSERVERS)
    return replace(
        activation,
        symmetric=activation.symmetric if scheme is None else scheme == "sym",
        observer=observer or activation.observer,
    )


def _first(name: str, what: str, options: list | None, available: Iterable, soft: bool = False) -> Any:
    """First of the user's options that is available, or None without options.

    Raises ValueError if none is available, unless `soft`.
    """
    if options is None:
        return None
    for option in options:
        if option in available:
            return option
    if soft:
        return None
    known = ", ".join(str(choice) for choice in available)
    raise UsageError(f"`{name}`: {what} {options} is not available here; choose from {known}.")
