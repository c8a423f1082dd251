"""A checkpoint in a model of another class than it was saved from, such as that of a classifier as a bare encoder.

transformers adds the prefix of the base model to the names of the weights, or takes it away, leaves out what the class
does not have and draws what the checkpoint does not have. What a config says of modules follows.
"""

import copy
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

import torch

from inc_hf.checkpoint.describe import schemes_of_config
from inc_hf.checkpoint.sparse import Sparse, forms_in
from inc_hf.models.tasks import architectures_of, class_of_architecture
from inc_hf.quantize.scheme import Scheme

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def saved_model(model: "PreTrainedModel") -> "PreTrainedModel | None":
    """The model that the checkpoint of `model` was saved from, without weights; None if it is of the same class, or of
    one that transformers does not have."""
    if type(model).__name__ in architectures_of(model.config):
        return None
    saved_class = class_of_architecture(model.config)
    if saved_class is None or saved_class.config_class is not type(model.config):
        return None
    with torch.device("meta"):
        return saved_class(copy.deepcopy(model.config))


def place_in(model: "PreTrainedModel", name: str, known: Collection[str]) -> str | None:
    """What a module or tensor of another class is called in a model, None if it has no such.

    Args:
        known: the names of the model.
    """
    prefix = f"{model.base_model_prefix}."
    return next((place for place in (name, name.removeprefix(prefix), prefix + name) if place in known), None)


def schemes_in(config: dict[str, Any], model: "PreTrainedModel") -> dict[str, tuple[Scheme, int | None]]:
    """`schemes_of_config` for a model of any class; what the saved one did not have is not quantized.

    Raises:
        CheckpointError: the config does not fit the class that was saved.
    """
    saved = saved_model(model)
    if saved is None:
        return schemes_of_config(config, model)
    return placed_in(model, schemes_of_config(config, saved))


def placed_forms(config: dict[str, Any], model: "PreTrainedModel") -> dict[str, Sparse]:
    """`forms_in` under the names of a model of any class."""
    forms = forms_in(config)
    return forms if saved_model(model) is None else placed_in(model, forms)


def placed_in(model: "PreTrainedModel", of_modules: dict[str, Any]) -> dict[str, Any]:
    """What is known of modules of another class, under their names in a model, as far as it has them."""
    known = {name for name, _ in model.named_modules(remove_duplicate=False)}
    places = {name: place_in(model, name, known) for name in of_modules}
    return {place: of_modules[name] for name, place in places.items() if place is not None}


def keys_of_checkpoint(model: "PreTrainedModel") -> set[str]:
    """The tensors of a model that its checkpoint has to hold: all, or what the class has that was saved."""
    keys, saved = set(model.state_dict()), saved_model(model)
    return keys if saved is None else {place for key in saved.state_dict() if (place := place_in(model, key, keys))}


def without_other_modules(model: "PreTrainedModel", keys: Iterable[str]) -> list[str]:
    """Of tensors that a model did not expect, those which are not of modules that only the saved class has."""
    if saved_model(model) is None:
        return list(keys)
    known = {name for name, _ in model.named_modules(remove_duplicate=False)}
    return [key for key in keys if place_in(model, key.rpartition(".")[0], known) is not None]
