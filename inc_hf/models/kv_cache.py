"""The keys and values that a decoder keeps, as transformers has them and as plain tensors."""

import inspect
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache, GenerationMixin
from transformers.cache_utils import Cache, DynamicLayer

# The argument and the output of models that holds it: transformers 5.24 renamed `past_key_values`.
_PARAMETERS = inspect.signature(GenerationMixin.prepare_inputs_for_generation).parameters
CACHE = "cache" if "cache" in _PARAMETERS else "past_key_values"

# Names in ONNX files that Optimum and transformers.js know.
PAST, PRESENT = "past_key_values", "present"
OWN, CROSS = ".decoder", ".encoder"  # of the text so far, and of the encoder's output
SWITCH = "use_cache_branch"  # whether there is a past, in files that hold the first and the later steps


def dynamic_cache(pairs: Iterable[tuple[Tensor, Tensor]]) -> DynamicCache:
    """A cache of these keys and values, each of shape `(batch, heads, length, head_dim)`, none of them copied.

    Layers with a sliding window keep all that came, too: the mask hides what is outside of the window.
    """
    cache = DynamicCache()
    cache.layers = []
    for key, value in pairs:
        layer = DynamicLayer()
        layer.lazy_initialization(key, value)
        layer.keys, layer.values = key, value
        cache.layers.append(layer)
    return cache


def encoder_decoder_cache(own: DynamicCache, cross: DynamicCache) -> EncoderDecoderCache:
    """A cache whose keys and values of the encoder's output are computed already."""
    cache = EncoderDecoderCache(own, cross)
    cache.is_updated = dict.fromkeys(range(len(cross.layers)), True)
    return cache


def pairs_of(cache: Cache) -> list[tuple[Tensor, Tensor]]:
    """Keys and values, layer by layer; none of a cache that nothing has been written to."""
    return [(layer.keys, layer.values) for layer in cache.layers if layer.is_initialized]


def named_pairs(pairs: Iterable[tuple[Tensor, Tensor]], prefix: str, part: str = "") -> dict[str, Tensor]:
    """By name: "present.0.key", "past_key_values.3.encoder.value"."""
    return {
        f"{prefix}.{index}{part}.{name}": tensor
        for index, pair in enumerate(pairs)
        for name, tensor in zip(("key", "value"), pair, strict=True)
    }


def pairs_named(tensors: Mapping[str, Tensor], prefix: str, part: str = "") -> list[tuple[Tensor, Tensor]]:
    """What [`named_pairs`] named."""
    count = sum(name.startswith(f"{prefix}.") and name.endswith(f"{part}.key") for name in tensors)
    return [
        (tensors[f"{prefix}.{index}{part}.key"], tensors[f"{prefix}.{index}{part}.value"]) for index in range(count)
    ]


def without_past(shapes: Mapping[str, list[int | str]], batch: int) -> dict[str, Tensor]:
    """What a file needs besides its other inputs in the first step: keys and values of length 0, and the switch.

    Args:
        shapes (`dict[str, list[int | str]]`): of the inputs of the file; axes that may change have a name.
    """
    empty = {
        name: torch.zeros(batch, *(dim if isinstance(dim, int) else 0 for dim in shape[1:]))
        for name, shape in shapes.items()
        if name.startswith(PAST)
    }
    return empty | ({SWITCH: torch.tensor([False])} if SWITCH in shapes else {})
