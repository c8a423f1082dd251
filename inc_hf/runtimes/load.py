"""`load_model`: a checkpoint on the runtime that is asked for."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel

from inc_hf.backends import onnxruntime, openvino
from inc_hf.backends.ipex import require_ipex
from inc_hf.config.arguments import check_names, check_place
from inc_hf.errors import UsageError, usage_error_for
from inc_hf.export.layout import SUFFIXES
from inc_hf.export.made_of import WEIGHTS, are_others
from inc_hf.models.source import source_of
from inc_hf.models.tasks import HUB_KEYWORDS, check_loads, model_class_of
from inc_hf.runtimes.choose import choose_backend, has_torch_weights
from inc_hf.runtimes.files import VARIANTS, find_files, from_files, from_torch, with_generation_config
from inc_hf.runtimes.ipex import on_ipex
from inc_hf.runtimes.torch import is_compressed, load_on_torch

# What each needs, said before anything is loaded.
BACKENDS = {
    "torch": lambda: None,
    "onnxruntime": onnxruntime.require_onnxruntime,
    "openvino": openvino.require_openvino,
    "ipex": require_ipex,
}


def load_model(
    auto_class: type, name: str | os.PathLike, backend: str = "torch", inputs: Sequence[str] = (), **kwargs: Any
) -> PreTrainedModel:
    """A checkpoint as a model in evaluation mode, on the runtime that is asked for.

    Args:
        auto_class (`type`): what loads it: an auto class, or the class of a model.
        name (`str`): a directory or a name on the Hub.
        backend, inputs: see [`inc_hf.modeling.IncModel.from_pretrained`].
        kwargs: passed to the `from_pretrained` of the class.

    Raises:
        ValueError: an unknown backend, or one that does not run such a model.
        ImportError: the backend needs packages that are not installed.
        CheckpointError: the checkpoint is truncated, has been tampered with, or misses tensors.
    """
    check_place("pretrained_model_name_or_path", name)
    if backend not in (*BACKENDS, "auto"):
        raise UsageError(f"`backend` must be one of auto, {', '.join(BACKENDS)}, got {backend!r}.")
    if isinstance(inputs, str):
        raise UsageError(f"`inputs` is a list of names, got {inputs!r}; pass [{inputs!r}].")
    check_names("inputs", inputs)
    if backend != "auto":
        BACKENDS[backend]()
    kwargs |= source_of(name, **{key: kwargs[key] for key in HUB_KEYWORDS if key in kwargs})
    if backend == "torch":  # which takes all inputs
        return load_on_torch(auto_class, name, **kwargs)
    if backend == "ipex":
        if inputs:
            raise UsageError("A model on ipex has the inputs of its tokenizer only; leave `inputs` out.")
        return on_ipex(load_on_torch(auto_class, name, **kwargs))
    return _on_files(auto_class, name, backend, list(inputs), kwargs)


def _on_files(
    auto_class: type, name: str | os.PathLike, backend: str, inputs: list[str], kwargs: dict[str, Any]
) -> PreTrainedModel:
    """A model on a runtime of ONNX files, which are written if there are none; on torch, if "auto" chooses that."""
    hub = {key: kwargs[key] for key in HUB_KEYWORDS if key in kwargs}
    config = AutoConfig.from_pretrained(name, **hub)
    check_loads(auto_class, config, name, is_compressed(config))
    with usage_error_for(f"{name} cannot be loaded", ValueError):
        model_class = model_class_of(auto_class, config, hub.get("trust_remote_code", False))
    files = find_files(name, model_class, config, variants_of(config, kwargs), **hub)
    if backend == "auto":
        backend = choose_backend(name, bool(files), **hub)
    if backend == "torch":
        return load_on_torch(auto_class, name, **kwargs)
    if not files:
        if not has_torch_weights(name, **hub):
            _refuse_dtype(find_files(name, model_class, config, **hub), name)
        return from_torch(load_on_torch(auto_class, name, **_in_a_dtype_of_files(config, kwargs)), backend, inputs)
    model = from_files(model_class, config, files, backend)
    _check_has(model, inputs, files)
    _check_made_of(model, name)
    return with_generation_config(model, name, **hub)


def variants_of(config: PreTrainedConfig, kwargs: dict[str, Any]) -> tuple[str, ...]:
    """How the names of files in the dtype that the user asks for end.

    Raises:
        ValueError: there are none in that dtype.
    """
    asked = kwargs.get("dtype", kwargs.get("torch_dtype"))
    asked = str(asked).removeprefix("torch.")
    if asked in ("None", "auto"):
        return VARIANTS
    is_quantized = getattr(config, "quantization_config", None) is not None
    if asked == "float32":  # in which integers are computed with, too
        return (SUFFIXES["int8" if is_quantized else "fp32"],)
    if asked == "bfloat16" and not is_quantized:
        return (SUFFIXES["bf16"],)
    allowed = "float32" if is_quantized else "float32 and bfloat16"
    raise UsageError(
        f"Files of such a model are in {allowed}, got dtype={asked}; leave it out, or use backend='torch'."
    )


def _refuse_dtype(files: list[Path], name: str | os.PathLike) -> None:
    """Raise ValueError if there are files, and all are in another dtype than was asked for."""
    if files:
        names = ", ".join(path.name for path in files)
        raise UsageError(f"{name} has only {names}, none in the dtype that was asked for; leave `dtype` out.")


def _check_has(model: PreTrainedModel, inputs: list[str], files: list[Path]) -> None:
    has = {name for session in model.sessions.values() for name in session.input_names}
    if missing := [name for name in inputs if name not in has]:
        raise UsageError(
            f"{', '.join(path.name for path in files)} has no input {', '.join(missing)}, only "
            f"{', '.join(sorted(has))}; write it anew with `inc-hf export --inputs {','.join(inputs)}`."
        )


def _check_made_of(model: PreTrainedModel, name: str | os.PathLike) -> None:
    """Raise ValueError if the weights of a directory were written anew, and its ONNX files were not."""
    sessions, weights = list(model.sessions.values()), sorted(Path(name).glob("*.safetensors"))
    for path, session in zip(model.files, sessions, strict=True):
        if are_others(session.metadata.get(WEIGHTS), weights):
            raise UsageError(
                f"{path} was made of other weights than those that lie in {name}, which were saved later. Write it "
                f"anew with `inc-hf export {name}`, or delete it."
            )


def _in_a_dtype_of_files(config: PreTrainedConfig, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Unless the user says another: a float model in bfloat16 as it is, all else in float32."""
    is_half = config.dtype == torch.bfloat16 and getattr(config, "quantization_config", None) is None
    return kwargs if is_half or {"dtype", "torch_dtype"} & kwargs.keys() else {**kwargs, "dtype": torch.float32}
