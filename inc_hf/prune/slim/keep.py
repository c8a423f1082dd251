"""Which heads and feed-forward columns stay: all that the next layer reads, and as many others as are asked for."""

import torch
from torch import Tensor, nn

from inc_hf.prune.layout import to_matrix
from inc_hf.prune.slim.find import Attention
from inc_hf.prune.slim.find_ffn import FeedForward


def units_to_keep(attentions: list[Attention], uniform: bool) -> list[Tensor]:
    """An index vector for each attention, of one unit at least; with `uniform` as many for all."""
    live = [_read_inputs(a.output).unflatten(0, (a.units, -1)).any(1) for a in attentions]
    needed = [max(1, int(mask.sum())) for mask in live]
    worth = [_sizes_of_outputs(a.projections[0])[: a.width].unflatten(0, (a.units, -1)).sum(1) for a in attentions]
    return _choose(live, worth, needed, uniform)


def columns_to_keep(blocks: list[FeedForward], round_multiplier: int, uniform: bool) -> list[Tensor]:
    """An index vector for each feed-forward block, its length rounded up to a multiple of `round_multiplier`."""
    live = [_read_inputs(block.second) for block in blocks]
    needed = [-(-max(1, int(mask.sum())) // round_multiplier) * round_multiplier for mask in live]
    worth = [torch.stack([_sizes_of_outputs(layer) for layer in block.first]).sum(0) for block in blocks]
    return _choose(live, worth, needed, uniform)


def zeros_of(attentions: list[Attention], blocks: list[FeedForward]) -> tuple[int, int]:
    """How many heads, or groups of heads, and how many feed-forward columns nothing reads."""
    heads = sum(int((~_read_inputs(a.output).unflatten(0, (a.units, -1)).any(1)).sum()) for a in attentions)
    return heads, sum(int((~_read_inputs(block.second)).sum()) for block in blocks)


def _read_inputs(layer: nn.Module) -> Tensor:
    """False for inputs that are multiplied with nothing but zeros."""
    return (to_matrix(layer, layer.weight) != 0).any(0)


def _sizes_of_outputs(layer: nn.Module) -> Tensor:
    return to_matrix(layer, layer.weight).float().square().sum(1)


def _choose(live: list[Tensor], worth: list[Tensor], needed: list[int], uniform: bool) -> list[Tensor]:
    """What is live, and of the others the largest until there are enough, in the order of the model."""
    counts = [max(needed)] * len(needed) if uniform else needed
    scores = [w.masked_fill(mask, torch.inf) for w, mask in zip(worth, live, strict=True)]
    orders = [score.argsort(descending=True, stable=True) for score in scores]
    return [order[:count].sort().values for order, count in zip(orders, counts, strict=True)]
