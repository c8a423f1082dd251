"""The tokens of a batch without its padding, and back."""

from typing import NamedTuple

import torch
from torch import Tensor

from inc_hf.ops.encoder import cu_seqlens_of


class Rows(NamedTuple):
    """Where the real tokens of a padded batch are.

    Args:
        cu_seqlens (`torch.Tensor` of shape `(batch + 1,)`): int64, where each sequence begins among the real tokens.
        index (`torch.Tensor`, *optional*): the places of the real tokens among all; None if there is no padding.
    """

    batch: int
    tokens: int
    cu_seqlens: Tensor
    index: Tensor | None

    def pack(self, x: Tensor | None) -> Tensor | None:
        """`(batch or 1, tokens, ...)` to `(1, real tokens, ...)`."""
        if x is None:
            return None
        flat = x.expand(self.batch, self.tokens, *x.shape[2:]).reshape(1, -1, *x.shape[2:])
        return flat if self.index is None else flat[:, self.index]

    def has_holes(self) -> bool:
        """Whether a sequence has padding between two of its tokens."""
        if self.index is None:
            return False
        first, last = self.index[self.cu_seqlens[:-1]], self.index[self.cu_seqlens[1:] - 1]
        return bool((last - first + 1 != self.cu_seqlens.diff()).any())

    def is_padding(self, places: Tensor) -> bool:
        """Whether there is padding at the place of one of the sequences."""
        if self.index is None:
            return False
        return not torch.isin(places + torch.arange(self.batch) * self.tokens, self.index).all()

    def unpack(self, x: Tensor) -> Tensor:
        """`(real tokens, hidden)` to `(batch, tokens, hidden)`, zero where there is padding."""
        if self.index is not None:
            x = x.new_zeros(self.batch * self.tokens, x.shape[-1]).index_copy_(0, self.index, x)
        return x.view(self.batch, self.tokens, -1)


def rows_of(batch: int, tokens: int, mask: Tensor | None) -> Rows | None:
    """None if a sequence has no token at all.

    Args:
        mask (`torch.Tensor` of shape `(batch, tokens)`, *optional*): other than 0 where a token is real.
    """
    if mask is None:
        return Rows(batch, tokens, torch.arange(0, batch * tokens + 1, tokens), None)
    real = mask if mask.dtype == torch.bool else mask != 0
    lengths = real.sum(1)
    least = int(lengths.min())
    if least == tokens:
        return rows_of(batch, tokens, None)
    if least == 0:
        return None
    return Rows(batch, tokens, cu_seqlens_of(lengths), real.flatten().nonzero().squeeze(1))
