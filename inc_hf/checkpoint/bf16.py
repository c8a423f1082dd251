"""Checkpoints with weights in bfloat16: `config.json` names the modules that have them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from inc_hf.checkpoint.validate import CheckpointError
from inc_hf.quantize.bf16 import use_bf16

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ENTRY = "inc_bf16_modules"  # of config.json


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
    try:
        use_bf16(model, names)
    except ValueError as error:
        name = model.config.name_or_path
        raise CheckpointError(f"{name}: `{ENTRY}` in the config does not fit its model: {error}") from error
