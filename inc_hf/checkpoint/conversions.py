"""Weights that transformers converts as it loads and saves: the experts of a layer into one tensor, fused layers into
several.

It cannot convert integers and their scales. So such a model is saved with the names and shapes that it has in memory,
which need no conversion, and says so.
"""

from torch import nn

OWN_NAMES = "own_names"  # entry of the `quantization_config`


def converted_keys(model: nn.Module) -> list[str]:
    """The tensors of a model that transformers converts; none if it only renames them."""
    if not hasattr(model, "config") or not hasattr(model, "base_model_prefix"):
        return []
    converters = [converter.reverse_transform() for converter in _converters_of(model)]
    return [key for key in model.state_dict() if any(c.rename_source_key(key)[1] is not None for c in converters)]


def without_converters(conversions: list) -> list:
    """Those that only rename."""
    from transformers.core_model_loading import WeightConverter

    return [conversion for conversion in conversions if not isinstance(conversion, WeightConverter)]


def save_as_it_is(model: nn.Module) -> None:
    """Let `save_pretrained` write the tensors of a model unconverted, in place."""
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import PrefixChange

    own = getattr(model, "_weight_conversions", None)
    if own is None:  # as `save_pretrained` finds them
        found = get_model_conversion_mapping(model, add_legacy=False)
        own = [conversion for conversion in found if not isinstance(conversion, PrefixChange)]
    model._weight_conversions = without_converters(own)


def why_stock_fails(model: nn.Module) -> str | None:
    """Why stock transformers cannot load a compressed-tensors checkpoint of a model, None if it can."""
    if not hasattr(model, "config") or not hasattr(model, "base_model_prefix"):
        return None
    from transformers.quantizers.base import MODULES_TO_PATCH_FOR_QUANTIZATION as EXCHANGED

    for name, module in model.named_modules():
        if type(module).__name__ in EXCHANGED:
            return f"transformers puts other modules in the place of `{name}` when it loads a quantized checkpoint"
    for converter in _converters_of(model) if converted_keys(model) else []:
        # It would have to convert the scales in the same go, from several tensors to several.
        is_split = len(converter.target_patterns) > 1
        if is_split and not any(op.supports_many_to_many for op in converter.operations):
            return f"transformers cannot convert {', '.join(converter.target_patterns)} of a quantized checkpoint"
    return None


def _converters_of(model: nn.Module) -> list:
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import WeightConverter

    return [c for c in get_model_conversion_mapping(model, add_legacy=False) if isinstance(c, WeightConverter)]
