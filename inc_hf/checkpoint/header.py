"""What weight files hold, read without loading them."""

import json
import struct
from pathlib import Path
from typing import Any

from inc_hf.checkpoint.validate import CheckpointError

WEIGHTS = ("*.safetensors", "pytorch_model*.bin")  # the first that there are is what transformers takes


def weights_size(directory: Path) -> int:
    """Bytes of all weight files."""
    sizes = (sum(path.stat().st_size for path in directory.glob(name)) for name in WEIGHTS)
    return next(filter(None, sizes), 0)


def read_header(path: Path) -> dict[str, dict]:
    """Name -> dtype, shape and offsets of the tensors in a safetensors file; checks that the file is whole.

    Raises:
        CheckpointError: it is not.
    """
    with path.open("rb") as file:
        length_bytes = file.read(8)
        length = struct.unpack("<Q", length_bytes)[0] if len(length_bytes) == 8 else -1
        size = path.stat().st_size
        header = _parsed(file.read(length)) if 0 < length <= size - 8 else None
    if header is None:
        raise CheckpointError(f"{path} is truncated or not a safetensors file.")
    end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if 8 + length + end != size:
        raise CheckpointError(f"{path} is truncated: it has {size} bytes, its header speaks of {8 + length + end}.")
    return header


def _parsed(text: bytes) -> dict[str, dict] | None:
    """The entries of a header, None if it is not one."""
    try:
        header = json.loads(text)
    except ValueError:
        return None
    if not isinstance(header, dict):
        return None
    header.pop("__metadata__", None)
    return header if all(_is_entry(value) for value in header.values()) else None


def _is_entry(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    numbers = [value.get("shape"), value.get("data_offsets")]
    are_ints = all(isinstance(each, list) and all(isinstance(n, int) for n in each) for each in numbers)
    return are_ints and len(value["data_offsets"]) == 2 and isinstance(value.get("dtype"), str)
