"""Which weights a file was made of, so that it is not run for those that lie beside it and are others by now.

Savers that do not know of the file (transformers' own `save_pretrained`, over the same directory) leave it there.
"""

import contextlib
import json
import zlib
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

WEIGHTS = "inc_hf_weights"  # in the metadata of a file


def marks_of(model: nn.Module) -> str:
    """JSON: name of each tensor -> kind, shape and a checksum of its first row."""
    return json.dumps({name: _mark(tensor) for name, tensor in model.state_dict().items() if tensor.ndim})


def _mark(tensor: Tensor) -> list:
    return [tensor.is_floating_point(), list(tensor.shape), _checksum(tensor[:1] if tensor.ndim > 1 else tensor)]


def _checksum(row: Tensor) -> int:
    """CRC-32; that of a float row is the same in every dtype from bfloat16 up."""
    row = row.bfloat16().view(torch.int16) if row.is_floating_point() else row
    return zlib.crc32(row.contiguous().numpy().tobytes())


def are_others(marks: str | None, weights: Iterable[Path]) -> bool:
    """Whether safetensors files hold other tensors, under the same names, than the model of which `marks` tell.

    False of what cannot be compared: a file without marks, tensors that are integers on one side only, weights that
    are damaged or a pointer of git LFS, which nothing but torch needs.
    """
    told = {} if marks is None else json.loads(marks)
    for path in weights if told else ():
        with contextlib.suppress(SafetensorError):
            if _differs(told, path):
                return True
    return False


def _differs(told: dict[str, list], path: Path) -> bool:
    with safe_open(path, "pt") as file:
        for name in told.keys() & set(file.keys()):
            part = file.get_slice(name)
            is_float, shape, checksum = told[name]
            row = part[:1] if len(shape) > 1 else part[:]
            if part.get_shape() != shape or row.is_floating_point() != is_float:
                continue
            if _checksum(row) != checksum:
                return True
    return False
