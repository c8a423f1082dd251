"""How quant_method "inc" stores integer weights with many zeros: a bit for each unit, and the units that are not zero.

A unit is a block of 4 rows and 1 column, the pattern "4x1", or a single weight. `weight` has the units that are not
all zeros, from left to right and from top to bottom, `weight_mask` the bits, from the highest of each byte on.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inc_hf.checkpoint.packing import pack, packed_shape, unpack
from inc_hf.checkpoint.validate import CheckpointError
from inc_hf.ops import q8_expand

MASK = "weight_mask"
ROWS = {"4x1": 4, "1x1": 1}  # of a unit
WIDTH = 4  # weights in a row of what is stored
PAYS_BELOW = 0.9  # of the bytes of the dense form


@dataclass(frozen=True)
class Sparse:
    """The form of one weight: `unit` is one of `ROWS`, `units` how many are stored."""

    unit: str
    units: int

    def shapes(self, shape: tuple[int, int], num_bits: int) -> tuple[tuple[int, ...], tuple[int, int]]:
        """Of the tensors `weight` and `weight_mask` of a weight of `shape`."""
        rows = max(1, -(-self.units * ROWS[self.unit] // WIDTH))
        return packed_shape((rows, WIDTH), num_bits), (shape[0] // ROWS[self.unit], -(-shape[1] // 8))

    def bytes(self, shape: tuple[int, int], num_bits: int) -> int:
        """Of both tensors."""
        return sum(torch.Size(each).numel() for each in self.shapes(shape, num_bits))

    def fits(self, shape: tuple[int, int]) -> bool:
        """Whether a weight of `shape` can have so many units."""
        rows = ROWS[self.unit]
        return shape[0] % rows == 0 and self.units <= shape[0] // rows * shape[1]

    def to_list(self) -> list[Any]:
        """As it stands in the `quantization_config`."""
        return [self.unit, self.units]


def form_of(codes: Tensor, num_bits: int) -> Sparse | None:
    """The smallest form of a weight, None if that is the dense one."""
    if codes.ndim != 2 or not codes.numel() or codes.is_meta:
        return None
    forms = [Sparse(unit, int(_nonzero(codes, rows).sum())) for unit, rows in ROWS.items() if len(codes) % rows == 0]
    smallest = min(forms, key=lambda form: form.bytes(tuple(codes.shape), num_bits))
    dense = torch.Size(packed_shape(tuple(codes.shape), num_bits)).numel()
    return smallest if smallest.bytes(tuple(codes.shape), num_bits) < PAYS_BELOW * dense else None


def compress(codes: Tensor, form: Sparse, num_bits: int) -> tuple[Tensor, Tensor]:
    """The tensors `weight` and `weight_mask` of int8 codes of shape `(out_features, in_features)`."""
    rows, codes = ROWS[form.unit], codes.cpu()
    nonzero = _nonzero(codes, rows)
    values = codes.unflatten(0, (-1, rows)).transpose(1, 2)[nonzero].flatten()
    padding = form.shapes(tuple(codes.shape), 8)[0][0] * WIDTH - len(values)
    values = nn.functional.pad(values, (0, padding)).reshape(-1, WIDTH)
    return pack(values, num_bits), torch.from_numpy(np.packbits(nonzero.numpy(), axis=1))


def decompress(stored: Tensor, mask: Tensor, form: Sparse, shape: tuple[int, int], num_bits: int) -> Tensor:
    """Undo `compress`: int8 codes of `shape`.

    Raises:
        CheckpointError: the mask has another number of units than the config says.
    """
    rows = ROWS[form.unit]
    values = unpack(stored.cpu(), (len(stored), WIDTH), num_bits).flatten()[: form.units * rows]
    try:
        return q8_expand(values, mask.cpu(), shape[1], rows).to(stored.device)
    except ValueError as error:
        raise CheckpointError(f"A `{MASK}` in the checkpoint does not fit what its config says: {error}") from error


def forms_in(config: dict[str, Any]) -> dict[str, Sparse]:
    """Module name -> its form, of those that a `quantization_config` says are not dense.

    Raises:
        CheckpointError: it says something else.
    """
    forms = config.get("sparse") or {}
    if not isinstance(forms, dict):
        raise CheckpointError(f"`sparse` in the `quantization_config` must be a dict, got {forms!r}.")
    return {name: _form_from(name, form) for name, form in forms.items()}


def _form_from(name: str, form: Any) -> Sparse:
    is_pair = isinstance(form, list) and len(form) == 2
    if not is_pair or form[0] not in ROWS or type(form[1]) is not int or form[1] < 0:
        raise CheckpointError(
            f"`{name}` is stored as {form!r}, which this inc_hf cannot read, only {', '.join(ROWS)}; upgrade with "
            "`pip install -U inc-hf`."
        )
    return Sparse(*form)


def _nonzero(codes: Tensor, rows: int) -> Tensor:
    """False for units of nothing but zeros, of shape `(out_features / rows, in_features)`."""
    return codes.unflatten(0, (-1, rows)).ne(0).any(1)
