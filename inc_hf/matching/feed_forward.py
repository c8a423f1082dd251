"""Which layers are the two products of a feed-forward block: by the names in use, or by their shapes."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from inc_hf.matching.families import FAMILIES, resolve_name
from inc_hf.matching.layout import is_plain, matrix_shape

# Layers that write the inner columns, and the one that reads them.
NAMED = tuple(dict.fromkeys((family.first, family.second) for family in FAMILIES.values() if family.first))
ACTIVATIONS = ("torch.nn.modules.activation", "transformers.activations")
MIXING = ("Softmax", "Softmin", "LogSoftmax", "Softmax2d", "MultiheadAttention")
ATTENTION = re.compile("attn|attention")
GATED = 2  # layers that write inner columns, at most; three of a shape are query, key and value


@dataclass
class FeedForward:
    """`second(activation(first(x)))`; with a gate there are two layers in `first`, whose results are multiplied."""

    owner: str  # the module that holds them
    names: list[str]  # of the layers, the second one last
    first: list[nn.Module]
    second: nn.Module

    @property
    def name(self) -> str:
        return self.names[-1]

    @property
    def width(self) -> int:
        return matrix_shape(self.second)[1]


def feed_forwards(model: nn.Module, is_layer: Callable[[nn.Module], bool] = is_plain) -> list[FeedForward]:
    """By the names in use; otherwise modules of nothing but two layers and an activation."""
    modules, found = dict(model.named_modules()), {}
    for owner, module in modules.items():
        for first, second in [*NAMED, *_pair_by_shape(module, is_layer)]:
            full = [resolve_name(owner, child) for child in (*first, second)]
            if full[-1] not in found and all(n in modules and is_layer(modules[n]) for n in full):
                block = FeedForward(owner, full, [modules[n] for n in full[:-1]], modules[full[-1]])
                if all(matrix_shape(layer)[0] == block.width for layer in block.first):
                    found[full[-1]] = block
    return list(found.values())


def feed_forward_names(model: nn.Module, is_layer: Callable[[nn.Module], bool]) -> set[str]:
    """The names of all layers of feed-forward blocks, also of those that only their place tells.

    More than `feed_forwards` finds, which must be sure that the inner columns are nothing else's: gate and up may be
    one layer, norms may stand between, and neither names nor activations need be known.
    """
    names = {name for block in feed_forwards(model, is_layer) for name in block.names}
    layers = {name: module for name, module in model.named_modules() if is_layer(module)}
    shapes = {name: matrix_shape(module) for name, module in layers.items()}
    for first, second in pairwise(layers):
        width, outer = shapes[first][0], shapes[first][1]
        if width > outer and shapes[second] in ((outer, width), (outer, width / 2)) and not _attends(model, first):
            alike = [name for name in layers if _parent(name) == _parent(first) and shapes[name] == shapes[first]]
            names.update([*alike, second] if len(alike) <= GATED else [])
    return names


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def _attends(model: nn.Module, name: str) -> bool:
    """Whether a layer belongs to an attention, whose heads can be wider together than what they read."""
    kind = type(model.get_submodule(_parent(name))).__name__
    return ATTENTION.search(f"{kind}.{name}".lower()) is not None


def _pair_by_shape(module: nn.Module, is_layer: Callable[[nn.Module], bool]) -> Iterator[tuple[tuple[str], str]]:
    """Two layers that can only be called one after the other: square ones could stand side by side."""
    layers = {name: child for name, child in module.named_children() if is_layer(child)}
    others = [c for c in module.children() if not is_layer(c) and not isinstance(c, nn.Dropout | nn.Identity)]
    if len(layers) == 2 and others and all(_is_activation(child) for child in others):
        (a, first), (b, second) = layers.items()
        rows, columns = matrix_shape(first)
        if rows != columns and matrix_shape(second) == (columns, rows):
            yield (a,), b


def _is_activation(module: nn.Module) -> bool:
    kind = type(module)
    return kind.__module__ in ACTIVATIONS and kind.__name__ not in MIXING
