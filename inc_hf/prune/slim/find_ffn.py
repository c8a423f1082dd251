"""Where a model has feed-forward layers whose inner columns can be cut out."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from inc_hf.matching.families import FAMILIES, resolve_name
from inc_hf.prune.layout import matrix_shape
from inc_hf.prune.slim.find import is_plain

# Layers that write the inner columns, and the one that reads them.
NAMED = tuple(dict.fromkeys((family.first, family.second) for family in FAMILIES.values() if family.first))
ACTIVATIONS = ("torch.nn.modules.activation", "transformers.activations")
MIXING = ("Softmax", "Softmin", "LogSoftmax", "Softmax2d", "MultiheadAttention")


@dataclass
class FeedForward:
    """`second(activation(first(x)))`; with a gate there are two layers in `first`, whose results are multiplied."""

    name: str  # of the second layer
    first: list[nn.Module]
    second: nn.Module

    @property
    def width(self) -> int:
        return matrix_shape(self.second)[1]


def find_feed_forwards(model: nn.Module) -> list[FeedForward]:
    """By the names in use; otherwise modules of nothing but two layers and an activation."""
    modules, found = dict(model.named_modules()), {}
    for name, module in modules.items():
        for first, second in [*NAMED, *_pair_by_shape(module)]:
            full = [resolve_name(name, child) for child in (*first, second)]
            if full[-1] not in found and all(n in modules and is_plain(modules[n]) for n in full):
                block = FeedForward(full[-1], [modules[n] for n in full[:-1]], modules[full[-1]])
                if _fits(block) and not _has_inner_norm(module, block):
                    found[full[-1]] = block
    return list(found.values())


def _fits(block: FeedForward) -> bool:
    return all(matrix_shape(layer)[0] == block.width for layer in block.first)


def _pair_by_shape(module: nn.Module) -> Iterator[tuple[tuple[str], str]]:
    """Two layers that can only be called one after the other: square ones could stand side by side."""
    layers = {name: child for name, child in module.named_children() if is_plain(child)}
    others = [c for c in module.children() if not is_plain(c) and not isinstance(c, nn.Dropout | nn.Identity)]
    if len(layers) == 2 and others and all(_is_activation(child) for child in others):
        (a, first), (b, second) = layers.items()
        rows, columns = matrix_shape(first)
        if rows != columns and matrix_shape(second) == (columns, rows):
            yield (a,), b


def _is_activation(module: nn.Module) -> bool:
    kind = type(module)
    return kind.__module__ in ACTIVATIONS and kind.__name__ not in MIXING


def _has_inner_norm(owner: nn.Module, block: FeedForward) -> bool:
    """Whether a norm over the inner columns may stand between the layers: it would see that some are gone."""
    own = {id(p) for layer in (*block.first, block.second) for p in layer.parameters()}
    others = {name: p for name, p in owner.named_parameters() if id(p) not in own}
    norms = [p for name, p in others.items() if name.endswith("weight") and p.shape == (block.width,)]
    is_outer_width = matrix_shape(block.second)[0] == block.width and any(p.ndim > 1 for p in others.values())
    return bool(norms) and not is_outer_width
