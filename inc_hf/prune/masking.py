"""Masks on weights, in place."""

import torch
from torch import Tensor

from inc_hf.prune.layout import from_matrix, is_sharded, matrix_shape, multiply_, to_matrix, whole
from inc_hf.prune.pattern import NMPattern
from inc_hf.prune.target import Part, Target


def mask_units(part: Part, units: Tensor) -> None:
    """Make the pruned blocks of a weight zero."""
    weight = part.module.weight
    if weight.ndim == 2 and not is_sharded(weight):  # a view of the blocks spares a mask of all elements
        part.pattern.blocks(to_matrix(part.module, weight)).mul_(units_in_blocks(part, units))
    else:
        mask_elements(part, part.expand(units))


def units_in_blocks(part: Part, units: Tensor) -> Tensor:
    return part.pattern.mask(units, matrix_shape(part.module))


def mask_elements(part: Part, elements: Tensor) -> None:
    """Make the pruned elements of a weight zero; `elements` is a bool matrix."""
    multiply_(part.module.weight, from_matrix(part.module, elements))


def shrink_blocks(part: Part, coefficient: float) -> None:
    """Shorten every block by `coefficient`, down to zero: the proximal step of the group lasso.

    INC divides by the norm of the gradient instead of that of the block.
    """
    matrix = to_matrix(part.module, whole(part.module.weight))
    blocks = part.pattern.blocks(matrix)
    norms = blocks.square().sum((1, 3), keepdim=True).sqrt()
    factors = (1 - coefficient / (norms + 1e-12)).clamp(min=0).expand_as(blocks).reshape(matrix.shape)
    multiply_(part.module.weight, from_matrix(part.module, factors))


@torch.no_grad()
def found_units(target: Target) -> Tensor:
    """The mask of the units that are not zero already."""
    found = [part.pattern.nonzero_units(to_matrix(part.module, whole(part.module.weight))) for part in target.parts]
    return found[0] if len(found) == 1 else torch.stack([f.flatten() for f in found]).any(0)


@torch.no_grad()
def found_elements(targets: list[Target]) -> dict[str, Tensor]:
    """Masks of the elements that are not zero already, of the parts with an N:M pattern."""
    parts = [part for target in targets for part in target.parts if isinstance(part.pattern, NMPattern)]
    return {part.name: to_matrix(part.module, whole(part.module.weight)) != 0 for part in parts}
