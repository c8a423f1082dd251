"""What a session is given: all that the file needs, in its types and sizes."""

from collections.abc import Mapping

import torch
from torch import Tensor

from inc_hf.errors import UsageError

# As ONNX Runtime and OpenVINO call them.
DTYPES = {
    **{"tensor(float)": torch.float32, "tensor(double)": torch.float64, "tensor(float16)": torch.float16},
    **{"tensor(int64)": torch.int64, "tensor(int32)": torch.int32, "tensor(bool)": torch.bool},
    **{"f32": torch.float32, "f64": torch.float64, "f16": torch.float16},
    **{"i64": torch.int64, "i32": torch.int32, "boolean": torch.bool},
}


def checked(
    inputs: Mapping[str, Tensor], shapes: Mapping[str, list[int | str]], types: Mapping[str, str]
) -> dict[str, Tensor]:
    """The inputs that a file knows, by its names, in its types.

    Args:
        shapes (`dict[str, list[int | str]]`): of the inputs of the file; axes that may change have a name.
        types (`dict[str, str]`): of them, as the runtime calls them.

    Raises:
        ValueError: an input is missing, or of another type or size than the file takes.
    """
    if missing := [name for name in types if inputs.get(name) is None]:
        got = ", ".join(name for name, value in inputs.items() if value is not None)
        raise UsageError(f"The ONNX model needs the inputs {', '.join(missing)}, got {got}.")
    return {name: _fitting(name, inputs[name].detach(), shapes.get(name), types[name]) for name in types}


def _fitting(name: str, tensor: Tensor, shape: list[int | str] | None, type_name: str) -> Tensor:
    fixed = enumerate(shape or ())
    if shape is not None and (
        len(shape) != tensor.ndim or any(isinstance(dim, int) and dim != tensor.shape[axis] for axis, dim in fixed)
    ):
        raise UsageError(
            f"`{name}` has the shape ({', '.join(map(str, shape))}) in this file, got {tuple(tensor.shape)}; give it "
            "in that size, or use backend='torch'."
        )
    dtype = DTYPES.get(type_name, tensor.dtype)
    if tensor.is_floating_point() != dtype.is_floating_point:
        raise UsageError(f"`{name}` is {dtype} in this file, got {tensor.dtype}; convert it before.")
    return tensor.to(dtype)


def in_words(inputs: Mapping[str, Tensor]) -> str:
    """The inputs and their shapes, for errors."""
    return ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in inputs.items())
