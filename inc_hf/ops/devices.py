"""Tensors of several devices in one call."""

from torch import Tensor


def refuse_elsewhere(x: Tensor, **others: Tensor | None) -> None:
    """Raise ValueError if `x`, by whose device the result is made, is on the CPU and one of `others` is not.

    torch sends a call with any meta tensor to the functions for shapes, even if all others hold numbers, and there
    this has to be noticed: what they return on the CPU was never computed. For an `x` on meta the result is on meta.
    """
    for name, tensor in others.items():
        if tensor is not None and x.device.type == "cpu" and tensor.device.type != "cpu":
            raise ValueError(f"`{name}` must be on the CPU, got a tensor on {tensor.device}.")
