"""What the weight files of a checkpoint hold against what its model takes, by their headers alone.

For where transformers says nothing of it: it fills what is missing with random numbers, and takes integers for floats.
"""

import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from inc_hf.checkpoint.header import read_header
from inc_hf.checkpoint.validate import CheckpointError, check_scale
from inc_hf.quantize.nn import FloatView

SCALE = re.compile(r"\.(weight|input|smooth)_scale$")
FLOATS = {"F64", "F32", "F16", "BF16"}
INTEGERS = {torch.int8: "I8", torch.uint8: "U8"}  # codes and zero points
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"

Entries = dict[str, dict[str, Any]]  # name -> dtype and shape, as in a header


def files_of(name: str | os.PathLike, **hub: Any) -> list[Path]:
    """The weight files of a checkpoint that are on this machine."""
    from inc_hf.models.files import find_file  # which imports transformers

    hub["local_files_only"] = True
    try:
        single = find_file(name, WEIGHTS, quiet=True, **hub)
        index = None if single else find_file(name, INDEX, quiet=True, **hub)
    except OSError:
        return []
    if single:
        return [Path(single)]
    return sorted(Path(index).parent.glob("*.safetensors")) if index else []


def entries_of(name: str | os.PathLike, **hub: Any) -> Entries:
    """The tensors of a checkpoint whose files are on this machine; nothing if they are not.

    Raises:
        CheckpointError: a file is truncated.
    """
    return {key: entry for file in files_of(name, **hub) for key, entry in read_header(file).items()}


def check_scales(files: Iterable[Path]) -> None:
    """Check the values of all scales in weight files, which is little to read.

    Raises:
        CheckpointError: names one that is not positive and finite, or denormal.
    """
    for file in files:
        with safe_open(file, "pt") as tensors:
            for key in filter(SCALE.search, tensors.keys()):
                check_scale(key, tensors.get_tensor(key))


def check_contents(model: nn.Module, expected: dict[str, Tensor], entries: Entries, where: object) -> None:
    """Check that files hold the tensors `expected` of `model`, which may be on meta, in their shapes and as floats or
    integers.

    Nothing is checked of files with names that the model does not know: transformers renames some as it loads them.

    Raises:
        CheckpointError: names the tensor.
    """
    known = model.state_dict().keys() | expected.keys()
    if not entries or entries.keys() - known:
        return
    tied = dict(getattr(model, "all_tied_weights_keys", {}))
    ignored = [*(getattr(model, "_keys_to_ignore_on_load_missing", None) or [])]
    for key, tensor in expected.items():
        if key in entries:
            _check_entry(key, tensor, entries[key], where)
        elif tied.get(key) not in entries and not any(re.search(pattern, key) for pattern in ignored):
            raise CheckpointError(f"The weights of {where} do not belong to its config: `{key}` is missing.")


def _check_entry(key: str, tensor: Tensor, entry: dict[str, Any], where: object) -> None:
    if tensor.is_floating_point() != (entry["dtype"] in FLOATS):
        found, wanted = ("integers", "floats") if tensor.is_floating_point() else ("floats", "integers")
        raise CheckpointError(f"`{key}` in the weights of {where} holds {found} where {wanted} belong.")
    if tensor.dtype in INTEGERS and entry["dtype"] != INTEGERS[tensor.dtype]:
        raise CheckpointError(f"`{key}` in the weights of {where} is {entry['dtype']} instead of {tensor.dtype}.")
    if tuple(entry["shape"]) != tuple(tensor.shape):
        raise CheckpointError(
            f"`{key}` in the weights of {where} has the shape {tuple(entry['shape'])}, its config says "
            f"{tuple(tensor.shape)}."
        )


def float_tensors(model: nn.Module) -> dict[str, Tensor]:
    """What a model takes from its checkpoint that is not an integer."""
    return {key: value for key, value in model.state_dict().items() if value.is_floating_point()}


def check_values(model: nn.Module, quantized: Collection[str]) -> None:
    """Check that the float parameters of a model are floats, and numbers.

    Args:
        quantized: names of the modules whose weights are integers.

    Raises:
        CheckpointError: names a parameter that holds integers, or NaN or infinite values.
    """
    for key, parameter in model.named_parameters():
        if parameter.is_floating_point():
            if not _are_numbers(_stored(parameter)):
                raise CheckpointError(f"`{key}` has NaN or infinite values: the file is damaged.")
        elif key.endswith(".bias") or key.rpartition(".")[0] not in quantized:
            raise CheckpointError(f"`{key}` in the checkpoint holds integers where floats belong.")


def _stored(parameter: Tensor) -> Tensor:
    """What is in memory of a parameter that is computed when it is read: reading takes the memory of the float one."""
    return parameter.tensors["stored"] if isinstance(parameter, FloatView) else parameter.detach()


def _are_numbers(values: Tensor) -> bool:
    if not values.is_floating_point() or not values.numel() or values.is_meta:
        return True
    return bool(torch.stack(torch.aminmax(values)).isfinite().all())
