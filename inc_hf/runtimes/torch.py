"""Checkpoints on torch, with our kernels where they are quantized or in bfloat16."""

import copy
import os
import re
from functools import partial
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel

from inc_hf.checkpoint import CheckpointError, IncQuantizationConfig
from inc_hf.checkpoint.adopt import as_dict
from inc_hf.checkpoint.bf16 import ENTRY as BF16_MODULES
from inc_hf.checkpoint.bf16 import take_weights, use_entry
from inc_hf.checkpoint.contents import check_contents, check_values, entries_of, float_tensors
from inc_hf.checkpoint.places import keys_of_checkpoint, without_other_modules
from inc_hf.errors import UsageError
from inc_hf.models.building import changed_when_built
from inc_hf.models.tasks import HUB_KEYWORDS, architectures_of, check_loads
from inc_hf.prune.slim.sizes import ENTRY as OWN_SIZES
from inc_hf.prune.slim.sizes import to_own_sizes
from inc_hf.quantize.nn import quantized_modules

QUANTIZATION_PARAMETER = re.compile(r"\.(weight|input|output|smooth|[qkv])_(scale|zero_point)$")


def load_on_torch(auto_class: type, name: str | os.PathLike, **kwargs: Any) -> PreTrainedModel:
    """A checkpoint as a model of torch, in evaluation mode.

    Args:
        auto_class (`type`): an auto class, or that of a model.
        kwargs: passed to its `from_pretrained`.

    Raises:
        ValueError: it is quantized with another method, or is of a class that `auto_class` does not load.
        CheckpointError: it is truncated, has been tampered with, or misses tensors.
    """
    hub = {key: kwargs.pop(key) for key in HUB_KEYWORDS if key in kwargs}
    config, kwargs = _config_of(name, hub, kwargs)
    quantization = as_dict(getattr(config, "quantization_config", None))
    if quantization is not None:
        if quantization.get("quant_method") not in ("inc", "compressed-tensors"):
            raise UsageError(
                f"The checkpoint is quantized with {quantization.get('quant_method')!r}; "
                "this package reads 'inc' and 'compressed-tensors'."
            )
        config.quantization_config = IncQuantizationConfig.wrap(quantization)
    check_loads(auto_class, config, name, is_compressed(config))
    loader = class_to_load(auto_class, config, hub.get("trust_remote_code", False))
    return _load_checked(loader, name, config=config, **hub, **kwargs)


def is_compressed(config: PreTrainedConfig) -> bool:
    """Whether a config is of a quantized, slim or bfloat16 model of this package."""
    entries = (BF16_MODULES, OWN_SIZES, "quantization_config")
    return any(getattr(config, entry, None) is not None for entry in entries)


def _config_of(
    name: str | os.PathLike, hub: dict[str, Any], kwargs: dict[str, Any]
) -> tuple[PreTrainedConfig, dict[str, Any]]:
    """A config that may be changed, with those of `kwargs` that are fields of it, and the others."""
    config = copy.deepcopy(kwargs.pop("config", None))
    if config is not None:
        return config, kwargs
    # a config would keep dtype="auto" as if it were a dtype
    own = {key: kwargs.pop(key) for key in ("dtype", "torch_dtype") if key in kwargs}
    try:
        config, kwargs = AutoConfig.from_pretrained(name, return_unused_kwargs=True, **hub, **kwargs)
    except (AttributeError, TypeError, KeyError) as error:
        raise CheckpointError(f"The config.json of {name} is malformed: {error}.") from error
    return config, kwargs | own


def class_to_load(auto_class: type, config: PreTrainedConfig, trust_remote_code: bool) -> type:
    """What to call `from_pretrained` of. Of a slim checkpoint (`model_slim`), it is the class in the slim sizes; where
    weights are in bfloat16, that with such modules, so that they are never held in float32."""
    changes = [] if getattr(config, OWN_SIZES, None) is None else [_to_sizes_of_config]
    if names := getattr(config, BF16_MODULES, None):
        changes.append(partial(use_entry, names=names))
    if changes and not issubclass(auto_class, PreTrainedModel):
        with torch.device("meta"):
            auto_class = type(auto_class.from_config(copy.deepcopy(config), trust_remote_code=trust_remote_code))
    return changed_when_built(auto_class, *changes) if changes else auto_class


def _to_sizes_of_config(model: PreTrainedModel) -> None:
    try:
        to_own_sizes(model)
    except UsageError as error:
        raise CheckpointError(f"{model.config.name_or_path}: {error}") from error


def _load_checked(auto_class: type, name: str | os.PathLike, **kwargs: Any) -> PreTrainedModel:
    wants_info = kwargs.pop("output_loading_info", False)
    architectures = architectures_of(kwargs["config"])
    if hasattr(kwargs["config"], BF16_MODULES):
        kwargs["dtype"] = torch.float32  # which holds what was saved in bfloat16 as well
    try:
        model, info = auto_class.from_pretrained(name, output_loading_info=True, **kwargs)
    except SafetensorError as error:
        raise CheckpointError(f"The weights of {name} are truncated or damaged: {error}.") from error
    except RuntimeError as error:
        # Nothing but the text tells it apart. With `ignore_mismatched_sizes` transformers would go on, and return what
        # does not fit; but our quantizer looks at the tensors before that, and would call them missing.
        if "mismatched" not in str(error):
            raise
        raise CheckpointError(f"The weights of {name} do not fit its config.json: {error}") from error
    is_whole = _is_whole(model, architectures)
    # of others, and of what another class did not have, transformers has said what they lack
    missing = sorted(keys_of_checkpoint(model).intersection(info["missing_keys"])) if is_whole else []
    surplus = sorted(filter(QUANTIZATION_PARAMETER.search, without_other_modules(model, info["unexpected_keys"])))
    if missing or surplus:
        raise CheckpointError(
            f"The weights of {name} do not belong to its config: "
            f"missing {missing[:5] or 'nothing'}, not expected {surplus[:5] or 'nothing'}."
        )
    if is_whole:
        hub = {key: kwargs[key] for key in HUB_KEYWORDS if key in kwargs}
        check_contents(model, float_tensors(model), entries_of(name, **hub), name)
        check_values(model, quantized_modules(model))
    take_weights(model)
    return (model, info) if wants_info else model


def _is_whole(model: PreTrainedModel, architectures: list[str]) -> bool:
    """Whether a checkpoint has to hold all of the model: a compressed one, and a float one of this very class. One of
    another class, such as a language model that is to become a classifier, lacks the head."""
    is_compressed = quantized_modules(model) or any(
        hasattr(model.config, entry) for entry in (BF16_MODULES, OWN_SIZES)
    )
    return bool(is_compressed) or type(model).__name__ in architectures
