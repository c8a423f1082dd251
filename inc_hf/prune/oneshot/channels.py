"""Channels and heads without training: search a mask, rearrange it, and rescale what stays.

Kwon et al., 2022, arXiv 2204.09656; INC's `retrain_free`.
"""

from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.prune.layout import from_matrix, to_matrix
from inc_hf.prune.mask import prune_globally, prune_locally
from inc_hf.prune.masking import mask_units
from inc_hf.prune.oneshot.fisher import mask_gradients, masked_part
from inc_hf.prune.oneshot.job import Job, check_finite
from inc_hf.prune.oneshot.statistics import Hessian, check_supported
from inc_hf.prune.target import Target

DAMP = 0.01
LARGEST_SCALE = 10  # beyond, the least-squares problem is ill-posed, and nothing is rescaled


def channel_jobs(
    model: nn.Module, config: SimpleNamespace, targets: list[Target], batches: list[Any], progress: bool
) -> list[Job]:
    """The masks of all targets, as jobs that put them on the weights and rescale what stays."""
    for target in targets:
        check_supported(masked_part(target).name, masked_part(target).module)
    gradients = mask_gradients(model, targets, batches, progress)
    jobs = []
    for target, units in zip(targets, search_masks(config, targets, gradients), strict=True):
        part = masked_part(target)
        changed = [each.module for each in target.parts]
        jobs.append(Job(part.name, part.module, Hessian, partial(prune_channels, target, units), changed))
    return jobs


def search_masks(config: SimpleNamespace, targets: list[Target], gradients: dict[str, Tensor]) -> list[Tensor]:
    """Which units of each target stay, shape `(units,)`: the lowest Fisher information goes, then `rearrange`."""
    scores = {name: of_target.square().sum(0) for name, of_target in gradients.items()}
    low, high = config.min_sparsity_ratio_per_op, config.max_sparsity_ratio_per_op
    prune = prune_globally if config.pruning_scope == "global" else prune_locally
    masks = prune(scores, min(config.target_sparsity, high), low, high)
    return [rearrange(masks[target.name], gradients[target.name]) for target in targets]


def rearrange(mask: Tensor, gradients: Tensor) -> Tensor:
    """As many units as `mask` has, chosen for what they do together: the paper's and INC's greedy search.

    One unit after the other, the most harmless first, joins the pruned ones, and the one whose return leaves the
    smallest squared sum of gradients goes back.

    Args:
        mask (`torch.Tensor` of shape `(units,)`).
        gradients (`torch.Tensor` of shape `(batches, units)`): of the masks.
    """
    order = gradients.square().sum(0).argsort(stable=True)
    count = int((~mask).sum())
    chosen, waiting = order[:count], order[count:]
    for unit in waiting if count else ():
        chosen = torch.cat([chosen, unit[None]])
        vectors = gradients[:, chosen]
        without = vectors.sum(1, keepdim=True) - vectors
        back = int(without.square().sum(0).argmin())
        chosen = torch.cat([chosen[:back], chosen[back + 1 :]])
    rearranged = torch.ones_like(mask)
    rearranged[chosen] = False
    return rearranged


def prune_channels(target: Target, units: Tensor, seen: Hessian) -> None:
    """Make the units that are False in `units` zero in all parts, and rescale the others in the part reading them."""
    part = masked_part(target)
    check_finite(part.name, part.module.weight, seen)
    if part.pattern.rows is None and seen.tokens:  # whole columns
        matrix = to_matrix(part.module, part.module.weight).to(seen.matrix.dtype)
        scales = column_scales(matrix, seen.matrix, units)
        part.module.weight.copy_(from_matrix(part.module, matrix * scales))
    for each in target.parts:
        mask_units(each, units)


def column_scales(matrix: Tensor, hessian: Tensor, units: Tensor) -> Tensor:
    """The factor of each column, equal within a unit, that keeps the layer's output nearest to the dense one.

    The output is linear in the factors, and the normal equations need no more of the inputs than the Hessian: their
    matrix is `(W^T W) * (X X^T)`, element by element. Damped towards 1.

    Args:
        matrix (`torch.Tensor` of shape `(rows, columns)`): the dense weight.
        hessian (`torch.Tensor` of shape `(columns, columns)`).
        units (`torch.Tensor` of shape `(units,)`): False for the pruned ones.
    """
    width = matrix.shape[1] // len(units)
    blocks = ((matrix.t() @ matrix) * hessian).unflatten(0, (-1, width)).unflatten(2, (-1, width))
    gram = blocks.sum((1, 3))
    kept = gram[units][:, units]
    scales = torch.ones_like(gram[0])
    if units.any() and not units.all():
        damping = torch.eye(len(kept), dtype=kept.dtype, device=kept.device) * (DAMP * kept.diagonal().mean())
        solution, failed = torch.linalg.solve_ex(kept + damping, gram[units][:, ~units].sum(1))
        if not failed and (solution + 1).abs().max() <= LARGEST_SCALE:
            scales[units] += solution
    return scales.repeat_interleave(width)
