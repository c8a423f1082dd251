"""The layers of a checkpoint with their weights, of which only one is in memory."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor, nn
from transformers import PreTrainedModel

from inc_hf.checkpoint import CheckpointError
from inc_hf.checkpoint.adopt import as_dict
from inc_hf.checkpoint.contents import files_of
from inc_hf.checkpoint.conversions import OWN_NAMES, names_in_memory
from inc_hf.checkpoint.header import read_header
from inc_hf.checkpoint.stored import unpacked_codes
from inc_hf.inference.layers import is_layer
from inc_hf.quantize.nn import BF16Linear, QModule


def layers_in_files(directory: Path, model: PreTrainedModel) -> Iterator[tuple[str, nn.Module]]:
    """Name -> Linear or Conv layer as it is when the checkpoint is loaded, one after the other.

    Those whose weight is not in the files, since transformers makes it of several, do not come.

    Args:
        model: the model of the checkpoint without weights, of [`inc_hf.runtimes.check.model_on_meta`].

    Raises:
        CheckpointError: a tensor has another shape than the config says.
    """
    files = {key: file for file in files_of(directory) for key in read_header(file)}
    quantization = as_dict(getattr(model.config, "quantization_config", None)) or {}
    places = names_in_memory(model, files, quantization.get(OWN_NAMES))
    for copied, original in dict(getattr(model, "all_tied_weights_keys", {})).items():
        if copied not in places and original in places:
            places[copied] = places[original]
    for name, module in model.named_modules():
        if is_layer(module) and f"{name}.weight" in places:
            keys = {key: places.get(f"{name}.{key}") for key in module.state_dict()}
            tensors = {key: _read(files[place], place) for key, place in keys.items() if place is not None}
            _check_shapes(name, module, tensors, directory)
            yield name, _filled(module, tensors, quantization)


def _read(file: Path, key: str) -> Tensor:
    with safe_open(file, "pt") as tensors:
        return tensors.get_tensor(key)


def _check_shapes(name: str, module: nn.Module, tensors: dict[str, Tensor], directory: Path) -> None:
    for key, expected in module.state_dict().items():
        if key in tensors and tensors[key].shape != expected.shape:
            raise CheckpointError(
                f"`{name}.{key}` in the weights of {directory} has the shape {tuple(tensors[key].shape)}, its config "
                f"says {tuple(expected.shape)}."
            )


def _filled(module: nn.Module, tensors: dict[str, Tensor], quantization: dict[str, Any]) -> nn.Module:
    """A copy of a layer with these tensors."""
    module = copy.deepcopy(module)
    module.load_state_dict(tensors, strict=False, assign=True)
    if isinstance(module, QModule):
        packs = quantization.get("quant_method") == "inc"
        module.set_codes(unpacked_codes(module) if packs else module.weight.data)
    elif isinstance(module, BF16Linear):
        module.store_weight(module.weight.data)
    return module
