"""Weights that transformers converts as it loads and saves: the experts of a layer into one tensor, fused layers into
several.

It cannot convert integers and their scales. So such a model is saved with the names and shapes that it has in memory,
which need no conversion, and says so. Some of its renamings do not come back, either: `…w2_weight` of an expert is
also a part of `…w2_weight_scale`. Then nothing is renamed at all.
"""

from collections.abc import Iterable
from typing import Any

from torch import nn

from inc_hf.quantize.nn import quantized_modules

OWN_NAMES = "own_names"  # entry of the `quantization_config`
UNRENAMED = "unrenamed"  # its value where not even renamings are done, otherwise True


def names_entry(model: nn.Module) -> dict[str, Any]:
    """What a `quantization_config` says of the names of the tensors: nothing if transformers may convert them."""
    if lost_keys(model):
        return {OWN_NAMES: UNRENAMED}
    return {OWN_NAMES: True} if converted_keys(model) else {}


def converted_keys(model: nn.Module) -> list[str]:
    """The tensors of a model that transformers converts; none if it only renames them."""
    if not hasattr(model, "config") or not hasattr(model, "base_model_prefix"):
        return []
    converters = [converter.reverse_transform() for converter in _converters_of(model)]
    return [key for key in model.state_dict() if any(c.rename_source_key(key)[1] is not None for c in converters)]


def lost_keys(model: nn.Module) -> list[str]:
    """The tensors of quantized modules that transformers renames as it saves them, and not back as it loads them."""
    if not hasattr(model, "config") or not hasattr(model, "base_model_prefix"):
        return []
    from transformers.core_model_loading import apply_renamings

    there = without_converters(_conversions_of(model))
    if not there:  # as of most models, which are asked several times while they are saved
        return []
    back = [renaming.reverse_transform() for renaming in there[::-1]]
    own = [f"{name}.{key}" for name, module in quantized_modules(model).items() for key in module.state_dict()]
    return [key for key in own if apply_renamings(apply_renamings(key, back), there) != key]


def without_converters(conversions: list) -> list:
    """Those that only rename."""
    from transformers.core_model_loading import WeightConverter

    return [conversion for conversion in conversions if not isinstance(conversion, WeightConverter)]


def conversions_left(conversions: list, entry: Any) -> list:
    """Of transformers' conversions those that are done to a checkpoint with this `OWN_NAMES` entry."""
    if entry == UNRENAMED:
        return []
    return without_converters(conversions) if entry else conversions


def save_as_it_is(model: nn.Module, entry: Any) -> None:
    """Let `save_pretrained` write the tensors of a model under the names that an `OWN_NAMES` entry says, in place."""
    own = getattr(model, "_weight_conversions", None)
    model._weight_conversions = conversions_left(_conversions_of(model) if own is None else own, entry)


def names_in_memory(model: nn.Module, keys: Iterable[str], entry: Any = None) -> dict[str, str]:
    """Tensor of a model -> what it is called in a checkpoint with these keys, of those that transformers only renames.

    Args:
        entry: the `OWN_NAMES` entry of the checkpoint.
    """
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import WeightConverter, rename_source_key

    conversions = conversions_left(get_model_conversion_mapping(model), entry)
    renamings = without_converters(conversions)
    converters = [conversion for conversion in conversions if isinstance(conversion, WeightConverter)]
    found, known = {}, model.state_dict()
    for key in keys:
        name, converter = rename_source_key(key, renamings, converters, model.base_model_prefix, known)
        if converter is None:
            found[name] = key
    return found


def why_stock_fails(model: nn.Module) -> str | None:
    """Why stock transformers cannot load a compressed-tensors checkpoint of a model, None if it can."""
    if not hasattr(model, "config") or not hasattr(model, "base_model_prefix"):
        return None
    from transformers.quantizers.base import MODULES_TO_PATCH_FOR_QUANTIZATION as EXCHANGED

    for name, module in model.named_modules():
        if type(module).__name__ in EXCHANGED:
            return f"transformers puts other modules in the place of `{name}` when it loads a quantized checkpoint"
    if lost := lost_keys(model):
        return f"transformers renames `{lost[0]}` when it saves the model, and not back when it loads it"
    for converter in _converters_of(model) if converted_keys(model) else []:
        # It would have to convert the scales in the same go, from several tensors to several.
        is_split = len(converter.target_patterns) > 1
        if is_split and not any(op.supports_many_to_many for op in converter.operations):
            return f"transformers cannot convert {', '.join(converter.target_patterns)} of a quantized checkpoint"
    return None


def _conversions_of(model: nn.Module) -> list:
    """As `save_pretrained` finds them."""
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import PrefixChange

    found = get_model_conversion_mapping(model, add_legacy=False)
    return [conversion for conversion in found if not isinstance(conversion, PrefixChange)]


def _converters_of(model: nn.Module) -> list:
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import WeightConverter

    return [c for c in get_model_conversion_mapping(model, add_legacy=False) if isinstance(c, WeightConverter)]
