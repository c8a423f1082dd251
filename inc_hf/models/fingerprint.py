"""Which model and which data something was made from, told by the numbers in them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

NUMBERS = 256  # of each tensor: all of a large model would take as long as an evaluation


def fingerprint_of(model: nn.Module) -> str:
    """Equal for models with the same weights in all processes; one that was trained further has another."""
    digest = hashlib.sha256()
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        flat = tensor.detach().reshape(-1)
        sample = flat[:: max(1, len(flat) // NUMBERS)][: 2 * NUMBERS]
        digest.update(sample.cpu().double().numpy().tobytes())
    return digest.hexdigest()[:16]


def fingerprint_of_batches(batches: Iterable[Any]) -> str:
    """Equal for the same numbers and words in the same batches; all of them count."""
    digest = hashlib.sha256()
    for batch in batches:
        _add(digest, batch)
    return digest.hexdigest()[:16]


def _add(digest: Any, value: Any) -> None:
    if isinstance(value, Tensor):
        digest.update(f"{tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            digest.update(f"{key}:".encode())
            _add(digest, value[key])
    elif isinstance(value, list | tuple):
        digest.update(f"{len(value)} of".encode())
        for item in value:
            _add(digest, item)
    else:
        digest.update(json.dumps(value, default=_words).encode())


def _words(value: Any) -> str:
    """Of what is none of JSON: nothing that would be another one in the next process, such as an address."""
    return type(value).__name__
