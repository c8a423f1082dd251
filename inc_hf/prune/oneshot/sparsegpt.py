"""SparseGPT: prune column by column, and let the columns to the right make up for it.

Frantar and Alistarh, 2023, arXiv 2301.00774; INC's `sparse_gpt`, which has 1x1 and N:M only.
"""

import torch
from torch import Tensor

from inc_hf.errors import UsageError
from inc_hf.prune.mask import lowest
from inc_hf.prune.oneshot.units import unit_shape
from inc_hf.prune.pattern import BlockPattern, NMPattern

BLOCK_SIZE = 128  # columns whose mask is chosen at once
DAMP = 0.01  # of the mean of the Hessian's diagonal


def sparsegpt(
    matrix: Tensor,
    hessian: Tensor,
    pattern: BlockPattern | NMPattern,
    share: float,
    block_size: int = BLOCK_SIZE,
    keeps_zeros: bool = False,
) -> Tensor:
    """The pruned weight.

    In each block of `block_size` columns the units with the lowest sum of `w^2 / d^2` are pruned, `d` being the
    diagonal of the Cholesky factor of the inverse Hessian. The elements of an N:M group are chosen when its turn
    comes, from the updated weights. Weights of inputs that are always zero go first, and are zero in any case.

    Args:
        matrix (`torch.Tensor` of shape `(rows, columns)`): the weight, float32 or float64.
        hessian (`torch.Tensor` of shape `(columns, columns)`): `2 X X^T`, of the same dtype.
        share (`float`): of the units (blocks or N:M groups) to prune.
        keeps_zeros (`bool`): whether what is zero stays zero, and does not make up for others.

    Raises:
        ValueError: the Hessian cannot be inverted.
    """
    weight = matrix.clone()
    locked = matrix == 0 if keeps_zeros else torch.zeros_like(matrix, dtype=torch.bool)
    weight[:, hessian.diagonal() == 0] = 0
    upper = inverse_factor(hessian)
    height, width = unit_shape(pattern)
    step = max(block_size // width, 1) * width
    pruned = 0
    for begin in range(0, weight.shape[1], step):
        end = min(begin + step, weight.shape[1])
        due = round(share * (weight.shape[0] // height) * (end // width)) - pruned
        part = slice(begin, end)
        errors = prune_columns(weight[:, part], upper[part, part], pattern, due, locked[:, part])
        weight[:, end:] -= errors @ upper[begin:end, end:]
        pruned += due
    return weight


def inverse_factor(hessian: Tensor) -> Tensor:
    """The upper Cholesky factor of the damped inverse; damped more if rounding leaves it indefinite."""
    diagonal = hessian.diagonal()
    regular = hessian + torch.diag((diagonal == 0).to(hessian.dtype))
    for damp in (DAMP, 10 * DAMP, 100 * DAMP):
        damped = regular + torch.eye(len(hessian), dtype=hessian.dtype, device=hessian.device) * (
            damp * regular.diagonal().mean()
        )
        lower, failed = torch.linalg.cholesky_ex(damped)
        if not failed:
            upper, failed = torch.linalg.cholesky_ex(torch.cholesky_inverse(lower), upper=True)
            if not failed:
                return upper
    raise UsageError("the Hessian is not positive definite; give more or other data, or make the model float64")


def prune_columns(
    block: Tensor, upper: Tensor, pattern: BlockPattern | NMPattern, count: int, locked: Tensor
) -> Tensor:
    """Prune `count` units of the columns `block`, in place; returns the errors that the columns after it have to bear.

    Args:
        block (`torch.Tensor` of shape `(rows, width)`): a view of the weight.
        upper (`torch.Tensor` of shape `(width, width)`): the part of the factor that belongs to it.
        locked (`torch.Tensor` of the shape of `block`): bool, elements that stay zero.

    Returns:
        `torch.Tensor` of the shape of `block`.
    """
    diagonal = upper.diagonal()
    unit_scores = pattern.reduce((block / diagonal).square(), "sum")
    units = ~lowest(unit_scores.flatten(), count).reshape(unit_scores.shape)
    by_group = isinstance(pattern, NMPattern)
    keep = torch.ones_like(block, dtype=torch.bool) if by_group else pattern.expand(units, tuple(block.shape))
    errors = torch.zeros_like(block)
    for i in range(block.shape[1]):
        if by_group and i % pattern.of == 0:
            group = slice(i, i + pattern.of)
            scores = (block[:, group] / diagonal[group]).square()
            keep[:, group] = pattern.element_mask(units[:, i // pattern.of, None], scores)
        keep[:, i] &= ~locked[:, i]
        errors[:, i] = block[:, i].masked_fill(keep[:, i], 0) / diagonal[i]
        block[:, i:] -= errors[:, i, None] * upper[i, i:]
    block.masked_fill_(~keep, 0)  # the subtraction leaves rounding errors
    return errors
