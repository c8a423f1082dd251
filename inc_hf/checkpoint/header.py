"""What weight files hold, read without loading them."""

import json
import struct
from pathlib import Path

from inc_hf.checkpoint.validate import CheckpointError


def weights_size(directory: Path) -> int:
    """Bytes of all weight files."""
    return sum(path.stat().st_size for path in directory.glob("*.safetensors"))


def read_header(path: Path) -> dict[str, dict]:
    """Name -> dtype, shape and offsets of the tensors in a safetensors file; checks that the file is whole."""
    with path.open("rb") as file:
        length_bytes = file.read(8)
        length = struct.unpack("<Q", length_bytes)[0] if len(length_bytes) == 8 else -1
        size = path.stat().st_size
        if not 0 < length <= size - 8:
            raise CheckpointError(f"{path} is truncated or not a safetensors file.")
        try:
            header = json.loads(file.read(length))
        except ValueError as error:
            raise CheckpointError(f"{path} is truncated or not a safetensors file.") from error
    header.pop("__metadata__", None)
    end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if 8 + length + end != size:
        raise CheckpointError(f"{path} is truncated: it has {size} bytes, its header speaks of {8 + length + end}.")
    return header
