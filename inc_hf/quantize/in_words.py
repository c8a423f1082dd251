"""What a quantized model is, in the words of a user."""

from collections import Counter

from torch import nn

from inc_hf.matching.feed_forward import feed_forward_names
from inc_hf.quantize.nn import QLinear, QModule, quantized_modules
from inc_hf.quantize.nn.qembedding import QEmbedding
from inc_hf.quantize.per_token import is_product

ONLY_WEIGHTS = "weights only"


def activations_in_words(model: nn.Module) -> str:
    """How the activations of a quantized model are rounded, such as `static, feed-forward per token`."""
    layers = {n: m for n, m in quantized_modules(model).items() if not isinstance(m, QEmbedding)}
    static = {name for name, module in layers.items() if module.scheme.is_static}
    rounded = {name for name, module in layers.items() if module.scheme.activation is not None}
    if not rounded:
        return ONLY_WEIGHTS
    words = "static" if static else "dynamic"
    if static and (per_token := rounded - static):
        is_feed_forward = per_token <= feed_forward_names(model, _is_product)
        words += ", feed-forward per token" if is_feed_forward else f", {_share(per_token, layers)} per token"
    if rounded < set(layers):
        words += f", {_share(set(layers) - rounded, layers)} with weights only"
    return words


def model_in_words(model: nn.Module) -> str:
    """The same with the integers, such as `INT8 static, feed-forward per token`."""
    bits = {8 if module.scheme.weight.num_bits > 4 else 4 for module in _layers_or_all(model)}
    return f"{' and '.join(f'INT{b}' for b in sorted(bits))} {activations_in_words(model)}"


def bits_in_words(model: nn.Module) -> str:
    """How its weights and activations are rounded, such as `4-bit weights in 8 layers, 8-bit in 3; dynamic`."""
    counts = Counter(module.scheme.weight.num_bits for module in quantized_modules(model).values())
    (bits, count), *others = sorted(counts.items())
    words = f"{bits}-bit weights in {count} layers" + "".join(f", {bits}-bit in {count}" for bits, count in others)
    activations = activations_in_words(model)
    return f"{words}; {activations}" if activations == ONLY_WEIGHTS else f"{words}; activations {activations}"


def is_mixed(model: nn.Module) -> bool:
    """Whether the activations of its layers are rounded in several ways."""
    return "," in activations_in_words(model)


def _layers_or_all(model: nn.Module) -> list[QModule]:
    modules = list(quantized_modules(model).values())
    return [module for module in modules if not isinstance(module, QEmbedding)] or modules


def _share(some: set[str], layers: dict[str, QModule]) -> str:
    return f"{len(some)} of {len(layers)} layers"


def _is_product(module: nn.Module) -> bool:
    return isinstance(module, QLinear) or is_product(module)
