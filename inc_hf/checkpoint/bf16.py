"""Checkpoints with weights in bfloat16: `config.json` names the modules that have them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from inc_hf.checkpoint.attach import pretrained_parts
from inc_hf.checkpoint.places import placed_in, saved_model
from inc_hf.checkpoint.validate import CheckpointError
from inc_hf.quantize.bf16 import bf16_modules, use_bf16
from inc_hf.quantize.nn import StoredWeight

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ENTRY = "inc_bf16_modules"  # of config.json


def note_bf16(model: nn.Module) -> None:
    """Let the config of a model of transformers, or of each inside of another module, name its modules in bfloat16."""
    for part in pretrained_parts(model):
        if names := list(bf16_modules(part)):
            setattr(part.config, ENTRY, names)


def load_in_float32(file: Path) -> None:
    """Say so in a config: transformers would load all in bfloat16, in which many CPUs are slower than in float32, and
    what was to stay in float32 would not."""
    config = json.loads(file.read_text(encoding="utf-8"))
    config["dtype"] = "float32"
    file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def use_entry(model: "PreTrainedModel", names: list[str]) -> None:
    """Give the modules of these names weights in bfloat16, in place, before they are loaded.

    Raises:
        CheckpointError: the model has no such modules.
    """
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise CheckpointError(f"`{ENTRY}` in the config must be a list of names of modules, got {names!r}.")
    if saved_model(model) is not None:
        names = list(placed_in(model, dict.fromkeys(names)))
        setattr(model.config, ENTRY, names)
    try:
        use_bf16(model, names)
    except ValueError as error:
        name = model.config.name_or_path
        raise CheckpointError(f"{name}: `{ENTRY}` in the config does not fit its model: {error}") from error
    for module in bf16_modules(model).values():
        module.await_weight(module.stored_weight())


def take_weights(model: "PreTrainedModel") -> None:
    """Store what was loaded, in place; those of one parameter share it."""
    first: dict[int, StoredWeight] = {}
    for module in bf16_modules(model).values():
        stored = module._parameters["weight"]
        if not module.awaits_weight:  # the same module under another name
            continue
        if id(stored) in first:
            module.share_weight(first[id(stored)])
        else:
            module.store_weight(stored)
            first[id(stored)] = module
