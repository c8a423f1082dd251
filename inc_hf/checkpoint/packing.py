"""How quant_method "inc" stores integer weights: one more dimension, and two to a byte from 4 bits down."""

import torch
from torch import Tensor


def pack(codes: Tensor, num_bits: int) -> Tensor:
    """Stored form of int8 `codes` of shape `(out, ...)`.

    More than 4 bits: int8 of shape `(out, ..., 1)`. 4 bits or fewer: uint8 of shape `(out, ceil(n / 2), 1, ...)`, the
    even elements in the low half of each byte, plus 8. The extra dimension makes a stock transformers refuse the
    tensor instead of reading integers as floats; the first one stays, since tying looks at it.
    """
    if num_bits > 4:
        return codes.unsqueeze(-1)
    rows = codes.flatten(1).to(torch.int16) + 8
    if rows.shape[1] % 2:
        rows = torch.nn.functional.pad(rows, (0, 1), value=8)
    return (rows[:, ::2] | (rows[:, 1::2] << 4)).to(torch.uint8).reshape(packed_shape(codes.shape, num_bits))


def packed_shape(shape: tuple[int, ...], num_bits: int) -> tuple[int, ...]:
    """Shape of `pack(codes)` for codes of `shape`."""
    if num_bits > 4:
        return (*shape, 1)
    per_row = torch.Size(shape[1:]).numel()
    return shape[0], (per_row + 1) // 2, *[1] * (len(shape) - 1)


def unpack(stored: Tensor, shape: tuple[int, ...], num_bits: int) -> Tensor:
    """Undo `pack`: int8 codes of `shape`."""
    if num_bits > 4:
        return stored.squeeze(-1)
    pairs = stored.flatten(1)
    rows = torch.stack([pairs & 15, pairs >> 4], dim=-1).flatten(1).to(torch.int8) - 8
    per_row = torch.Size(shape[1:]).numel()
    return rows[:, :per_row].reshape(shape).contiguous()
