"""Which units are pruned: the lowest scores of all layers together, within limits for each layer."""

import math

import torch
from torch import Tensor


def lowest(scores: Tensor, count: int) -> Tensor:
    """True for the `count` lowest of a vector; of equal ones the first."""
    if count <= 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    if count >= len(scores):
        return torch.ones_like(scores, dtype=torch.bool)
    threshold = scores.kthvalue(count).values
    below, equal = scores < threshold, scores == threshold
    return below | (equal & (equal.cumsum(0) <= count - below.sum()))


def count_limits(units: int, low: float, high: float) -> tuple[int, int]:
    """How many of the units of a layer are pruned at least and at most, of which the second counts more."""
    most = math.floor(high * units + 1e-9)  # 0.29 * 100 is 28.999999999999996
    return min(math.ceil(low * units - 1e-9), most), most


def prune_globally(scores: dict[str, Tensor], share: float, low: float = 0.0, high: float = 1.0) -> dict[str, Tensor]:
    """Masks (True stays) that prune `share` of all units, those with the lowest scores.

    In every layer at least the share `low` and at most `high` is pruned; what one layer may not give is taken from the
    others, so that the number of pruned units is exact if the limits allow it. INC compares with a threshold instead,
    which prunes more where scores are equal, and repeats that until all layers keep the limits.

    Args:
        scores (`dict[str, torch.Tensor]`): one score per unit for each layer, of any shape.
        share, low, high (`float`): in [0, 1].
    """
    flat = {name: s.flatten().float() for name, s in scores.items()}
    limits = {name: count_limits(len(s), low, high) for name, s in flat.items()}
    must = {name: lowest(s, limits[name][0]) for name, s in flat.items()}
    may = {name: lowest(s, limits[name][1]) & ~must[name] for name, s in flat.items()}
    free = round(share * sum(map(len, flat.values()))) - sum(int(m.sum()) for m in must.values())
    chosen = lowest(torch.cat([s[may[name]] for name, s in flat.items()]), free)
    parts = chosen.split([int(m.sum()) for m in may.values()])
    masks = {}
    for (name, s), part in zip(scores.items(), parts, strict=True):
        pruned = must[name].clone()
        pruned[may[name]] = part
        masks[name] = ~pruned.reshape(s.shape)
    return masks


def prune_locally(scores: dict[str, Tensor], share: float, low: float = 0.0, high: float = 1.0) -> dict[str, Tensor]:
    """Masks that prune `share`, between `low` and `high`, of the units of every layer."""
    masks = {}
    for name, s in scores.items():
        least, most = count_limits(s.numel(), low, high)
        count = min(max(round(share * s.numel()), least), most)
        masks[name] = ~lowest(s.flatten().float(), count).reshape(s.shape)
    return masks
