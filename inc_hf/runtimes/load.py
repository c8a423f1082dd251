"""`load_model`: a checkpoint on the runtime that is asked for."""

import os
from typing import Any

from transformers import AutoConfig, PreTrainedModel

from inc_hf.backends import onnxruntime, openvino
from inc_hf.backends.ipex import require_ipex
from inc_hf.errors import UsageError
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
    model_class = model_class_of(auto_class, config)
    files = find_files(name, model_class, config, **hub)
    if backend == "auto":
        backend = choose_backend(name, bool(files), **hub)
    if backend == "torch":
        return load_on_torch(auto_class, name, **kwargs)
    if not files:
        return from_torch(load_on_torch(auto_class, name, **kwargs), backend)
    model = from_files(model_class, config, files, backend)
    return with_generation_config(model, name, **hub)
