"""Which model and which data something was made from, told by the numbers in them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
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


class BatchesFingerprint:
    """Of batches as they come: equal for the same numbers and words, all of them, in the same batches."""

    def __init__(self) -> None:
        self.digest, self.is_known = hashlib.sha256(), True

    def add(self, batch: Any) -> None:
        """One more batch."""
        try:
            self._add(batch)
        except TypeError:  # of an object that JSON has no words for, which could be anything
            self.is_known = False

    @property
    def value(self) -> str | None:
        """None where there was something else than tensors, arrays, numbers and words."""
        return self.digest.hexdigest()[:16] if self.is_known else None

    def _add(self, value: Any) -> None:
        if isinstance(value, np.ndarray) and value.dtype != object:
            value = torch.from_numpy(np.ascontiguousarray(value))
        if isinstance(value, Tensor):
            self.digest.update(f"{tuple(value.shape)} {value.dtype}".encode())
            self.digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        elif isinstance(value, Mapping):
            self.digest.update(f"{len(value)} named".encode())
            for key in sorted(value, key=str):
                self.digest.update(f"{key}:".encode())
                self._add(value[key])
        elif isinstance(value, list | tuple):
            self.digest.update(f"{len(value)} of".encode())
            for item in value:
                self._add(item)
        else:
            self.digest.update(json.dumps(value).encode())


def fingerprint_of_batches(batches: Iterable[Any]) -> str | None:
    """That of all of them, see [`BatchesFingerprint`]."""
    fingerprint = BatchesFingerprint()
    for batch in batches:
        fingerprint.add(batch)
    return fingerprint.value
