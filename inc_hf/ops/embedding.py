"""What enters the first layer of an encoder of texts: rows of tables, added, and a LayerNorm of the sum."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from inc_hf.ops.devices import refuse_elsewhere
from inc_hf.ops.library import is_available

MOST_TABLES = 3


class Table(NamedTuple):
    """
    Args:
        rows (`torch.Tensor` of shape `(entries, hidden)`): int8 codes, or float32 if there is no `scale`.
        scale (`torch.Tensor` of `entries` elements or 1, *optional*): float32, what the codes of a row are times.
    """

    rows: Tensor
    scale: Tensor | None = None


def embed(ids: Sequence[Tensor], tables: Sequence[Table], weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """`layer_norm((row of the first table + row of the second) + row of the third)` for each token.

    Args:
        ids (`Sequence[torch.Tensor]` of shape `(tokens,)`): int64, for each table the row that each token takes.
        tables (`Sequence[Table]`): one to three.
        weight, bias (`torch.Tensor` of shape `(hidden,)`): of the LayerNorm, float32.

    Returns:
        `torch.Tensor` of shape `(tokens, hidden)`: float32. A token's row depends on that token alone, bit for bit.

    Raises:
        ValueError: wrong type, shape or device, or an id that is no row of its table.
    """
    flat = [x for index, table in zip(ids, tables, strict=True) for x in (index, *table)]
    flat += [None] * (3 * (MOST_TABLES - len(tables)))
    return torch.ops.inc_hf.embed.default(*flat, weight, bias, eps)


def embed_reference(
    ids: Sequence[Tensor], tables: Sequence[Table], weight: Tensor, bias: Tensor, eps: float
) -> Tensor:
    """`embed` in plain torch."""
    found = [rows_of(table, index) for index, table in zip(ids, tables, strict=True)]
    total = found[0]
    for rows in found[1:]:
        total = total + rows
    return F.layer_norm(total, total.shape[-1:], weight, bias, eps)


def rows_of(table: Table, ids: Tensor) -> Tensor:
    if table.scale is None:
        return table.rows[ids]
    scale = table.scale.reshape(-1, 1)
    return table.rows[ids].float() * (scale if len(scale) == 1 else scale[ids])


if is_available():

    @torch.library.register_fake("inc_hf::embed")
    def _(ids, table, scale, ids_2, table_2, scale_2, ids_3, table_3, scale_3, weight, bias, eps):
        refuse_elsewhere(ids, table=table, scale=scale, weight=weight, bias=bias)
        refuse_elsewhere(ids, ids_2=ids_2, table_2=table_2, scale_2=scale_2)
        refuse_elsewhere(ids, ids_3=ids_3, table_3=table_3, scale_3=scale_3)
        return torch.empty(ids.numel(), table.shape[1], device=ids.device)
