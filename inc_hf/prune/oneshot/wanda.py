"""Wanda: the size of a weight times that of its input, compared within an output row. No weight changes that stays.

Sun et al., 2023, arXiv 2306.11695; INC's `prune_wanda`.
"""

import torch
from torch import Tensor

from inc_hf.prune.mask import lowest
from inc_hf.prune.pattern import BlockPattern, NMPattern


def wanda_mask(
    matrix: Tensor, norms: Tensor, pattern: BlockPattern | NMPattern, share: float, variant: bool = False
) -> Tensor:
    """The bool mask of what stays, of shape `(rows, columns)`.

    The score of a block is the sum of its elements', and competes with the other blocks of the same rows: with 4x1
    within each group of four output rows.

    Args:
        matrix (`torch.Tensor` of shape `(rows, columns)`): the weight.
        norms (`torch.Tensor` of shape `(columns,)`): of each input over all tokens.
        share (`float`): of the units in each row of units to prune.
        variant (`bool`, *optional*, defaults to `False`): the paper's variant, INC's `use_variant`: every row loses
            the same part of the sum of its scores instead of the same number of units.
    """
    scores = matrix.abs().to(norms.dtype) * norms
    units = pattern.reduce(scores, "sum")
    kept = ~(lowest_by_sum(units, share) if variant else lowest_by_row(units, share))
    if isinstance(pattern, NMPattern):
        return pattern.element_mask(kept, scores)
    return pattern.expand(kept, tuple(matrix.shape))


def lowest_by_row(scores: Tensor, share: float) -> Tensor:
    """True for the `share` lowest of each row; of equal ones the first."""
    order = scores.argsort(dim=1, stable=True)[:, : round(share * scores.shape[1])]
    return torch.zeros_like(scores, dtype=torch.bool).scatter_(1, order, True)


def lowest_by_sum(scores: Tensor, share: float) -> Tensor:
    """True for what is pruned when all rows lose the same part of their sum; `share` of all in the end.

    The cumulative sums of sorted rows rise, so that the part need not be searched for as in the paper's code: the
    lowest of all cumulative sums are it.
    """
    ordered, order = scores.sort(dim=1, stable=True)
    parts = ordered.cumsum(1) / scores.sum(1, keepdim=True).clamp(min=torch.finfo(scores.dtype).tiny)
    chosen = lowest(parts.flatten(), round(share * scores.numel())).reshape(scores.shape)
    return torch.zeros_like(chosen).scatter_(1, order, chosen)
