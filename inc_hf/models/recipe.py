"""What a model was trained with: its config tells it, so that it goes wherever the model goes.

Checkpoints of a Trainer and what is quantized from them have it in `config.json`; loaders ignore it.
"""

from typing import Any

from torch import nn

ENTRY = "inc_training"  # of config.json


def note_training(model: nn.Module, what: str, told: Any) -> None:
    """Let the config of a model of transformers say what training did; what it says already stays, under other names.

    Args:
        what (`str`): such as "pruning".
        told: settings that JSON can hold.
    """
    if hasattr(config := getattr(model, "config", None), "to_json_string"):
        setattr(config, ENTRY, {**recipe_of(model), what: told})


def recipe_of(model: nn.Module) -> dict[str, Any]:
    """What its config says; nothing if that is none of ours."""
    found = getattr(getattr(model, "config", None), ENTRY, None)
    return dict(found) if isinstance(found, dict) else {}
