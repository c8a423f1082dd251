"""How large a checkpoint would be in float32."""

import math
from pathlib import Path

from torch import nn

from inc_hf.checkpoint.contents import entries_of
from inc_hf.quantize.nn import QModule

NO_WEIGHTS = ("_scale", "_zero_point", "_shape", "_g_idx", "_mask")  # tensors that a float model does not have


def float_size(directory: Path, model: nn.Module | None) -> int:
    """Bytes of the float model that a checkpoint was made of.

    Args:
        model: that of the checkpoint, with weights or without; None if it is not known, then none is packed.
    """
    weights = {} if model is None else packed_counts(model)
    return sum(float_bytes(name, entry, weights) for name, entry in entries_of(directory).items())


def packed_counts(model: nn.Module) -> dict[str, int]:
    """Quantized module -> how many numbers its weight has, where several are packed into one."""
    return {name: _count(module) for name, module in model.named_modules() if isinstance(module, QModule)}


def float_bytes(name: str, entry: dict, weights: dict[str, int]) -> int:
    """Bytes in float32 of a tensor in a file, 0 if a float model has none.

    Args:
        weights: see [`packed_counts`].
    """
    owner, _, tensor = name.rpartition(".")
    if tensor.endswith(NO_WEIGHTS):
        return 0
    count = weights.get(owner) if tensor in ("weight", "weight_packed") else None
    return 4 * (math.prod(entry["shape"]) if count is None else count)


def _count(module: nn.Module) -> int:
    return math.prod(getattr(module, "unpacked_shape", None) or module.weight.shape)
