"""Batches as a file, which the processes of a benchmark read."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from inc_hf.errors import UsageError

Batch = dict[str, Tensor]


def write_batches(batches: Iterable[Mapping[str, Any]], path: str | os.PathLike) -> int:
    """Write what is a tensor in each batch, by number and name; returns how many batches there were.

    Raises:
        ValueError: there are none, or one of them is not a mapping with tensors.
    """
    tensors, count = {}, 0
    for index, batch in enumerate(batches):
        found = {k: v for k, v in batch.items() if isinstance(v, Tensor)} if isinstance(batch, Mapping) else {}
        if not found:
            raise UsageError(f"A batch must be a dict of tensors by the names of inputs, got {type(batch).__name__}.")
        tensors |= {f"{index}.{name}": tensor.contiguous().clone() for name, tensor in found.items()}
        count += 1
    if not count:
        raise UsageError("The dataloader is empty; a benchmark needs at least one batch.")
    save_file(tensors, path)
    return count


def read_batches(path: str | os.PathLike) -> list[Batch]:
    """What [`write_batches`] wrote, in its order."""
    batches: dict[int, Batch] = {}
    for key, tensor in load_file(Path(path)).items():
        index, _, name = key.partition(".")
        batches.setdefault(int(index), {})[name] = tensor
    return [batches[index] for index in sorted(batches)]


def size_of(batch: Batch) -> int:
    """Samples in a batch."""
    return len(next(iter(batch.values())))
