"""`load_model`: a checkpoint on the runtime that is asked for."""

import os
from typing import Any

import torch
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel

from inc_hf.backends import onnxruntime, openvino
from inc_hf.backends.ipex import require_ipex
from inc_hf.errors import UsageError, usage_error_for
from inc_hf.models.tasks import HUB_KEYWORDS, model_class_of
from inc_hf.runtimes.choose import choose_backend
from inc_hf.runtimes.files import find_files, from_files, from_torch, with_generation_config
from inc_hf.runtimes.ipex import on_ipex
from inc_hf.runtimes.torch import load_on_torch

# What each needs, said before anything is loaded.
BACKENDS = {
    "torch": lambda: None,
    "onnxruntime": onnxruntime.require_onnxruntime,
    "openvino": openvino.require_openvino,
    "ipex": require_ipex,
}


def load_model(auto_class: type, name: str | os.PathLike, backend: str = "torch", **kwargs: Any) -> PreTrainedModel:
    """A checkpoint as a model in evaluation mode, on the runtime that is asked for.

    Args:
        auto_class (`type`): what loads it: an auto class, or the class of a model.
        name (`str`): a directory or a name on the Hub.
        backend (`str`): see [`inc_hf.modeling.IncModel.from_pretrained`].
        kwargs: passed to the `from_pretrained` of the class.

    Raises:
        ValueError: an unknown backend, or one that does not run such a model.
        ImportError: the backend needs packages that are not installed.
        CheckpointError: the checkpoint is truncated, has been tampered with, or misses tensors.
    """
    if backend not in (*BACKENDS, "auto"):
        raise UsageError(f"`backend` must be one of auto, {', '.join(BACKENDS)}, got {backend!r}.")
    if backend != "auto":
        BACKENDS[backend]()
    if backend == "torch":
        return load_on_torch(auto_class, name, **kwargs)
    if backend == "ipex":
        return on_ipex(load_on_torch(auto_class, name, **kwargs))
    return _on_files(auto_class, name, backend, kwargs)


def _on_files(auto_class: type, name: str | os.PathLike, backend: str, kwargs: dict[str, Any]) -> PreTrainedModel:
    """A model on a runtime of ONNX files, which are written if there are none; on torch, if "auto" chooses that."""
    hub = {key: kwargs[key] for key in HUB_KEYWORDS if key in kwargs}
    config = AutoConfig.from_pretrained(name, **hub)
    with usage_error_for(f"{name} cannot be loaded", ValueError):
        model_class = model_class_of(auto_class, config, hub.get("trust_remote_code", False))
    files = find_files(name, model_class, config, **hub)
    if backend == "auto":
        backend = choose_backend(name, bool(files), **hub)
    if backend == "torch":
        return load_on_torch(auto_class, name, **kwargs)
    if not files:
        return from_torch(load_on_torch(auto_class, name, **_in_a_dtype_of_files(config, kwargs)), backend)
    model = from_files(model_class, config, files, backend)
    return with_generation_config(model, name, **hub)


def _in_a_dtype_of_files(config: PreTrainedConfig, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Unless the user says another: a float model in bfloat16 as it is, all else in float32."""
    is_half = config.dtype == torch.bfloat16 and getattr(config, "quantization_config", None) is None
    return kwargs if is_half or {"dtype", "torch_dtype"} & kwargs.keys() else {**kwargs, "dtype": torch.float32}
