"""What runs a file, whichever the runtime."""

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor


class Session(Protocol):
    """Takes and returns tensors by name. Inputs that it does not know are left out, a missing one is a ValueError."""

    input_names: list[str]
    output_names: list[str]
    input_shapes: dict[str, list[int | str]]
    output_shapes: dict[str, list[int | str]]
    metadata: dict[str, str]

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]: ...
