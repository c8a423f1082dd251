"""The shapes in which weights become zero: blocks, N of M consecutive inputs, attention heads.

A weight matrix is cut into units that are pruned as a whole. A mask is a bool tensor, True for what stays.
"""

import re
from dataclasses import dataclass

import torch
from torch import Tensor

REDUCTIONS = {"mean": Tensor.mean, "sum": Tensor.sum, "max": Tensor.amax}


@dataclass(frozen=True)
class BlockPattern:
    """Blocks of `rows` output channels times `cols` inputs; None stands for all of them."""

    rows: int | None
    cols: int | None
    zeros_per_unit = 1.0

    def __str__(self) -> str:
        return f"{self.rows or 'channel'}x{self.cols or 'channel'}"

    def block(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of a block in a matrix of this shape."""
        return self.rows or shape[0], self.cols or shape[1]

    def fits(self, shape: tuple[int, int]) -> bool:
        rows, cols = self.block(shape)
        return shape[0] % rows == 0 and shape[1] % cols == 0

    def units(self, shape: tuple[int, int]) -> int:
        """How many blocks a matrix of this shape has."""
        rows, cols = self.block(shape)
        return (shape[0] // rows) * (shape[1] // cols)

    def blocks(self, matrix: Tensor) -> Tensor:
        """A view of shape `(row blocks, rows, column blocks, cols)`."""
        rows, cols = self.block(tuple(matrix.shape))
        return matrix.unflatten(0, (-1, rows)).unflatten(2, (-1, cols))

    def reduce(self, scores: Tensor, how: str) -> Tensor:
        """One score per block, of shape `(row blocks, column blocks)`."""
        return REDUCTIONS[how](self.blocks(scores), dim=(1, 3))

    def nonzero_units(self, matrix: Tensor) -> Tensor:
        """False for blocks of nothing but zeros."""
        return self.reduce((matrix != 0).float(), "max").bool()

    def mask(self, units: Tensor, shape: tuple[int, int]) -> Tensor:
        """The blocks that stay, to be multiplied with `blocks`: of shape `(row blocks, 1, column blocks, 1)`."""
        return units.reshape(shape[0] // self.block(shape)[0], 1, -1, 1)

    def expand(self, units: Tensor, shape: tuple[int, int]) -> Tensor:
        """The mask of blocks as that of their elements, a matrix of this shape."""
        rows, cols = self.block(shape)
        return self.mask(units, shape).expand(-1, rows, -1, cols).reshape(shape)


@dataclass(frozen=True)
class NMPattern:
    """`zeros` of `of` consecutive inputs, those with the lowest scores. INC's `N:M`, in which N is the zeros."""

    zeros: int
    of: int

    def __str__(self) -> str:
        return f"{self.zeros}:{self.of}"

    @property
    def zeros_per_unit(self) -> float:
        return self.zeros / self.of

    def fits(self, shape: tuple[int, int]) -> bool:
        return shape[1] % self.of == 0

    def lowest(self, scores: Tensor) -> Tensor:
        """True for the `zeros` lowest of each group; of equal ones the first."""
        groups = scores.unflatten(1, (-1, self.of))
        order = groups.argsort(dim=-1, stable=True)[..., : self.zeros]
        return torch.zeros_like(groups, dtype=torch.bool).scatter_(-1, order, True)

    def reduce(self, scores: Tensor, how: str) -> Tensor:
        """One score per group, that of the elements that would become zero: shape `(rows, groups)`."""
        lowest = self.lowest(scores)
        chosen = scores.unflatten(1, (-1, self.of))[lowest].unflatten(0, (*lowest.shape[:2], self.zeros))
        return REDUCTIONS[how](chosen, dim=-1)

    def nonzero_units(self, matrix: Tensor) -> Tensor:
        """False for groups that have their zeros already."""
        return (matrix == 0).unflatten(1, (-1, self.of)).sum(-1) < self.zeros

    def element_mask(self, units: Tensor, scores: Tensor) -> Tensor:
        """False for the lowest elements of the groups that are pruned; of the shape of `scores`."""
        return (~self.lowest(scores) | units.unsqueeze(-1)).flatten(1)


@dataclass(frozen=True)
class HeadPattern:
    """Whole attention heads: their rows of query, key and value and their columns of the output projection."""

    zeros_per_unit = 1.0

    def __str__(self) -> str:
        return "mha"


Pattern = BlockPattern | NMPattern | HeadPattern


def parse_pattern(text: str) -> Pattern:
    """`"4x1"`, `"channelx1"`, `"1xchannel"`, `"2:4"` or `"mha"`, which `WeightPruningConfig` has checked."""
    if text == "mha":
        return HeadPattern()
    if ":" in text:
        return NMPattern(*map(int, text.split(":")))
    rows, cols = (None if size == "channel" else int(size) for size in re.split("x", text, maxsplit=1))
    return BlockPattern(rows, cols)
