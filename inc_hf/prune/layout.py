"""Weights of all layer types as matrices of shape `(output channels, inputs)`."""

import torch
from torch import Tensor, nn

from inc_hf.matching.layout import is_transposed, matrix_shape

__all__ = [
    "from_matrix",
    "is_sharded",
    "is_transposed",
    "matrix_shape",
    "multiply_",
    "to_matrix",
    "whole",
]


def to_matrix(module: nn.Module, weight: Tensor) -> Tensor:
    """`weight`, of the shape of `module.weight`, with one row per output channel; a view if that is possible.

    The inputs of a convolution are ordered as in INC: `(out, in, h, w)` becomes `(out, h * w * in)`.
    """
    if is_transposed(module):
        return weight.t()
    return weight if weight.ndim == 2 else weight.movedim(1, -1).flatten(1)


def from_matrix(module: nn.Module, matrix: Tensor) -> Tensor:
    """The inverse of `to_matrix`."""
    if is_transposed(module):
        return matrix.t()
    out, inputs, *kernel = module.weight.shape
    return matrix.reshape(out, *kernel, inputs).movedim(-1, 1) if kernel else matrix


def is_sharded(tensor: Tensor) -> bool:
    """Whether this process holds only a part of it: `fully_shard` makes such parameters."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return False
    from torch.distributed.tensor import DTensor  # slow to import

    return isinstance(tensor, DTensor)


def whole(tensor: Tensor) -> Tensor:
    """The tensor with the parts of all processes, which must call this together."""
    return tensor.full_tensor() if is_sharded(tensor) else tensor


def multiply_(weight: Tensor, factor: Tensor) -> None:
    """Multiply in place; `factor` is whole, and has the shape of the whole weight."""
    if is_sharded(weight):
        from torch.distributed.tensor import distribute_tensor

        # Every process has all of it and takes its part: nothing is sent.
        factor = distribute_tensor(factor.to(weight.dtype), weight.device_mesh, weight.placements, src_data_rank=None)
    weight.mul_(factor)
