"""Weights stored without their zeros: a bit for each unit of 1 or 4 rows and one column, and the units that are not
zero."""

import numpy as np
import torch
from torch import Tensor

from inc_hf.errors import UsageError
from inc_hf.ops.devices import refuse_elsewhere
from inc_hf.ops.library import is_available


def q8_expand(values: Tensor, mask: Tensor, columns: int, rows: int) -> Tensor:
    """The int8 weight with its zeros, natively where the library is built.

    Args:
        values (`torch.Tensor`): int8, the units that are not zero, from left to right and from top to bottom; of each
            its 1 or 4 weights.
        mask (`torch.Tensor` of shape `(out_features / rows, ceil(columns / 8))`): uint8, from the highest bit on.
        columns (`int`): of the weight, 1 or more.
        rows (`int`): of a unit, 1 or 4.

    Returns:
        `torch.Tensor`: int8 of shape `(out_features, columns)`.

    Raises:
        ValueError: wrong type, shape or device, or a mask with another number of bits than there are units.
    """
    if is_available():
        return torch.ops.inc_hf.q8_expand.default(values, mask, columns, rows)
    return expand_units(values, mask, columns, rows)


def expand_units(values: Tensor, mask: Tensor, columns: int, rows: int) -> Tensor:
    """Twin of [`q8_expand`] in plain torch."""
    bits = torch.from_numpy(np.unpackbits(mask.numpy(), axis=1).view(bool))
    units = bits[:, :columns]
    count = int(units.sum())
    if values.numel() != count * rows or bits[:, columns:].any():
        raise UsageError(f"`mask` has {count} units, and `values` has {values.numel() // rows} of them.")
    # a unit of four bytes as one integer: several times faster
    dtype = torch.int32 if rows == 4 else torch.int8
    whole = torch.zeros(units.shape, dtype=dtype).masked_scatter_(units, values.contiguous().view(dtype))
    blocks = whole.view(torch.int8).unflatten(1, (-1, rows))
    return blocks.transpose(1, 2).reshape(-1, columns)


if is_available():

    @torch.library.register_fake("inc_hf::q8_expand")
    def _(values, mask, columns, rows):
        refuse_elsewhere(values, mask=mask)
        return values.new_empty(mask.shape[0] * rows, columns)
