"""DSnoT: swap pruned weights with kept ones until the expected change of each output is small.

Zhang et al., 2023, arXiv 2310.08915; INC's `prune_wanda(dsnot=True)`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from inc_hf.prune.oneshot.statistics import Moments
from inc_hf.prune.pattern import BlockPattern, NMPattern

MAX_CYCLES = 50
UPDATE_THRESHOLD = 0.1


def dsnot_mask(matrix: Tensor, moments: Moments, mask: Tensor, pattern: BlockPattern | NMPattern) -> Tensor:
    """`mask` with as many ones in each row (in each group with N:M), but another choice.

    The expected error of an output is the sum of `w E[x]` over its pruned weights. A cycle grows, in each row, the
    pruned weight that takes most from the error in relation to its variance, and prunes the kept weight with the
    lowest Wanda score of those that take from it too: `MAX_CYCLES` times at most, while the error is above
    `UPDATE_THRESHOLD`. With N:M the pruned weight comes from the group of the grown one, whatever its sign, and a row
    stops before its error changes sign. A weight changes once at most.

    `E[x]` is the mean over all tokens, as in the paper. The authors' code and INC sum it over a sequence, so that the
    threshold stops hardly any row, and small models lose most of Wanda's choice. They also go on when no weight of
    the right sign is left, after which the sparsity is not exact; here such a row stops.

    Args:
        matrix (`torch.Tensor` of shape `(rows, columns)`): the dense weight.
        mask (`torch.Tensor` of shape `(rows, columns)`): what stays, for example Wanda's; not changed.
    """
    matrix = matrix.double()
    effect = matrix * moments.mean
    swap = Swap(
        effect=effect,
        growth=effect / moments.variance.clamp(min=torch.finfo(torch.float64).tiny),
        cost=matrix.abs() * moments.norms,
        may_grow=~mask,
        may_prune=mask.clone(),
        group=pattern.of if isinstance(pattern, NMPattern) else None,
    )
    keep = mask.clone()
    error = effect.masked_fill(mask, 0).sum(1)
    first_sign = error.sign()
    active = torch.ones_like(error, dtype=torch.bool)
    for _ in range(MAX_CYCLES):
        grown, pruned, possible = swap.candidates(error)
        rows = torch.arange(len(error), device=error.device)
        after = error + effect[rows, pruned] - effect[rows, grown]
        active &= possible & (error.abs() > UPDATE_THRESHOLD)
        if swap.group is not None:
            active &= after.sign() == first_sign
        if not active.any():
            break
        error = torch.where(active, after, error)
        swap.take(keep, rows[active], grown[active], pruned[active])
    return keep


@dataclass
class Swap:
    """What may still be swapped. All tensors have shape `(rows, columns)`."""

    effect: Tensor  # of a weight on the expected output
    growth: Tensor
    cost: Tensor
    may_grow: Tensor
    may_prune: Tensor
    group: int | None

    def candidates(self, error: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """For each row the column to grow, the column to prune, and whether there are both."""
        sign = error.sign()[:, None]
        growable = self.may_grow & (self.effect * sign > 0)
        if self.group is None:
            prunable = self.may_prune & (self.effect * sign < 0)
        else:
            groups = self.may_prune.unflatten(1, (-1, self.group))
            growable &= groups.any(-1, keepdim=True).expand_as(groups).flatten(1)
        grown = (self.growth * sign).masked_fill(~growable, -torch.inf).argmax(1)
        if self.group is not None:
            columns = torch.arange(self.effect.shape[1], device=error.device)
            prunable = self.may_prune & (columns // self.group == (grown // self.group)[:, None])
        pruned = self.cost.masked_fill(~prunable, torch.inf).argmin(1)
        return grown, pruned, growable.any(1) & prunable.any(1)

    def take(self, keep: Tensor, rows: Tensor, grown: Tensor, pruned: Tensor) -> None:
        keep[rows, grown], keep[rows, pruned] = True, False
        self.may_grow[rows, grown] = self.may_prune[rows, pruned] = False
