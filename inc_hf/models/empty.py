"""A model without its weights: they stay in the files of its checkpoint until they are needed."""

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, PreTrainedModel

from inc_hf.errors import UsageError
from inc_hf.models.source import source_of
from inc_hf.models.tasks import auto_class_of, model_class_of


def empty_model(
    name: str | os.PathLike, cls: type | None = None, task: str | None = None, trust_remote_code: bool = False
) -> PreTrainedModel:
    """The model of a checkpoint whose parameters are on the meta device; its buffers, such as the frequencies of
    positions, are computed.

    Args:
        name: a directory or a name on the Hub.
        cls (`type`, *optional*): an auto class or that of a model; by default the one that wrote the checkpoint.
        task (`str`, *optional*): e.g. "text-classification", instead of `cls`.

    Raises:
        ValueError: it is quantized already, or keeps some layers in float32 in a model of half precision.
    """
    hub = source_of(name, trust_remote_code)
    config = AutoConfig.from_pretrained(name, **hub)
    if getattr(config, "quantization_config", None) is not None:
        raise UsageError(f"{os.fspath(name)} is already quantized; start from the float model.")
    model_class = model_class_of(cls or auto_class_of(name, task, **hub), config, trust_remote_code)
    dtype = config.dtype or torch.float32
    kept = model_class._keep_in_fp32_modules or getattr(model_class, "_keep_in_fp32_modules_strict", None)
    if kept and dtype == torch.float16:
        raise UsageError(
            f"{model_class.__name__} keeps {', '.join(kept)} in float32 beside float16, which cannot be done layer by "
            "layer; leave out `layer_wise_quant`."
        )
    with parameters_on_meta():
        model = model_class._from_config(copy.deepcopy(config), dtype=dtype)
    model.config.name_or_path = os.fspath(name)
    return model.eval()


@contextmanager
def parameters_on_meta() -> Iterator[None]:
    """Parameters that are registered inside the block lose their memory at once, before anything is written to it."""
    register = nn.Module.register_parameter

    def register_on_meta(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        register(module, name, parameter)
        if parameter is not None and not parameter.is_meta:
            module._parameters[name] = _on_meta(parameter)

    nn.Module.register_parameter = register_on_meta
    try:
        yield
    finally:
        nn.Module.register_parameter = register


def _on_meta(parameter: nn.Parameter) -> nn.Parameter:
    moved: Any = type(parameter)(parameter.detach().to("meta"), requires_grad=parameter.requires_grad)
    vars(moved).update(vars(parameter))
    return moved
