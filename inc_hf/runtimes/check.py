"""A checkpoint checked without loading its weights."""

import copy
from pathlib import Path

import torch
from transformers import PreTrainedConfig, PreTrainedModel

from inc_hf.checkpoint import IncHfQuantizer, IncQuantizationConfig
from inc_hf.checkpoint.adopt import as_dict
from inc_hf.checkpoint.contents import check_contents, check_scales, entries_of, files_of
from inc_hf.models.tasks import class_of_architecture
from inc_hf.runtimes.torch import class_to_load


def check_files(directory: Path, config: PreTrainedConfig) -> PreTrainedModel | None:
    """Check that weight files hold what the model of `config` takes: the names, shapes and kinds of all tensors, and
    the values of the scales. A class that transformers does not have cannot be checked.

    Returns:
        `PreTrainedModel` or `None`: the model without weights, see [`model_on_meta`].

    Raises:
        CheckpointError: names the tensor.
    """
    model = model_on_meta(config)
    if model is not None:
        check_contents(model, model.state_dict(), entries_of(directory), directory)
    if getattr(config, "quantization_config", None) is not None:
        check_scales(files_of(directory))
    return model


def model_on_meta(config: PreTrainedConfig, model_class: type | None = None) -> PreTrainedModel | None:
    """The model of a checkpoint without weights, of the modules that these are loaded into; by default of the class
    that wrote it, None if transformers has no such class."""
    model_class = model_class or class_of_architecture(config)
    if model_class is None:
        return None
    quantization = as_dict(getattr(config, "quantization_config", None))
    with torch.device("meta"):
        model = class_to_load(model_class, config, trust_remote_code=False)(copy.deepcopy(config))
    if quantization is not None and quantization.get("quant_method") in ("inc", "compressed-tensors"):
        quantizer = IncHfQuantizer(IncQuantizationConfig(**quantization), pre_quantized=True)
        model = quantizer._process_model_before_weight_loading(model)
    return model
