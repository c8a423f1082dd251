"""INC 2.X's `neural_compressor.utils.pytorch`: load what was saved."""

import os
from pathlib import Path
from typing import Any

from torch import nn

from inc_hf.checkpoint import load_plain
from inc_hf.config.arguments import check_model, check_path
from inc_hf.config.checks import did_you_mean
from inc_hf.config.elsewhere import elsewhere
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.matching.sentences import is_sentence_model
from inc_hf.models.json_files import read_object
from inc_hf.quantize.nn import quantized_modules
from inc_hf.results.compressed import held_model
from inc_hf.runtimes import load_model
from inc_hf.utils.load_huggingface import OptimizedModel, refuse_int8_of_inc

__all__ = ["is_int8_model", "load", "load_weight_only", "recover_model_from_json"]

# What INC needed beside the checkpoint, and this package does not.
NOT_NEEDED = (
    "dataloader", "device", "example_inputs", "inplace", "weight_only", "prepare_custom_config_dict",
    "convert_custom_config_dict",
)  # fmt: skip
ANEW = (
    "which is not read, since loading a pickle can run any code. Quantize the float model again with "
    "`inc_hf.quantization.fit`, and keep it with `q_model.save(directory)`"
)
recover_model_from_json = elsewhere(
    "recover_model_from_json", "it was of IPEX; quantize with `inc_hf.quantization.fit`, and load what that has saved"
)


def load(
    checkpoint_dir: str | os.PathLike | None = None,
    model: nn.Module | None = None,
    layer_wise: bool = False,
    history_cfg: Any = None,
    **kwargs: Any,
) -> nn.Module:
    """Load a model that `q_model.save(directory)`, `manager.save` or `save_pretrained` has written, ready to run.

    Args:
        checkpoint_dir: the directory, or its `model.safetensors`.
        model (`nn.Module`, *optional*): the float model that INC made the quantized one of. Of a model of
            transformers the class is enough, and it can be left out; another one takes the weights, in place.
        layer_wise, kwargs: what INC needed besides (`dataloader`, `example_inputs`, `weight_only`, ...); not used.
        history_cfg: of INC's `history.snapshot`; not read.

    Raises:
        ValueError: there is only a pickle of INC's; the message says what to do.
        FileNotFoundError: there is no such checkpoint.
        CheckpointError: it is truncated, has been tampered with, or misses tensors.
    """
    for name in kwargs:
        if name not in NOT_NEEDED:
            raise UsageTypeError(f"`load` has no argument {name!r}{did_you_mean(name, NOT_NEEDED)}")
    if history_cfg is not None or checkpoint_dir is None:
        raise UsageError(f"`load` needs `checkpoint_dir`, a directory; INC's `history.snapshot` is a pickle, {ANEW}.")
    model = held_model(model)
    if model is not None:
        check_model(model)
    return _load(_directory_of(checkpoint_dir), model)


def _load(directory: Path, model: nn.Module | None) -> nn.Module:
    if (directory / "quantization_config.json").is_file() and not (directory / "config.json").is_file():
        if model is None:
            raise UsageError(
                f"{directory} does not say the class of its model; pass a float one: `load(directory, model)`."
            )
        return load_plain(directory, model)
    if is_sentence_model(model):
        return type(model)(os.fspath(directory))
    refuse_int8_of_inc(directory)
    if model is None:
        return OptimizedModel.from_pretrained(directory)
    there, here = read_object(directory / "config.json").get("model_type"), getattr(model, "config", None)
    if there != getattr(here, "model_type", None):
        raise UsageError(f"{directory} has a model of the type {there!r}, and `model` is a {type(model).__name__}.")
    return load_model(type(model), directory)


def _directory_of(place: Any) -> Path:
    """The directory of a checkpoint of ours.

    Raises:
        ValueError: it is one of INC's.
    """
    if isinstance(place, dict):
        raise UsageError(f"A state dict of INC's comes from a pickle, {ANEW}.")
    check_path("checkpoint_dir", place)
    path = Path(place).expanduser()
    if path.suffix == ".safetensors" or path.name == "config.json":
        path = path.parent
    if path.is_file():
        raise UsageError(f"{path} is a pickle, {ANEW}.")
    if not path.is_dir():
        raise FileNotFoundError(
            f"There is no directory {os.fspath(place)!r}; what is on the Hub is loaded by "
            "`inc_hf.utils.load_huggingface.OptimizedModel.from_pretrained`."
        )
    if any((path / name).is_file() for name in ("config.json", "quantization_config.json", "modules.json")):
        return path
    if pickles := sorted(file.name for file in path.iterdir() if file.suffix in (".pt", ".pth", ".bin", ".snapshot")):
        raise UsageError(f"{path} has no config.json; {pickles[0]} in it is a pickle of INC's, {ANEW}.")
    raise FileNotFoundError(
        f"{path} has no config.json: nothing was saved there by `q_model.save` or `save_pretrained`."
    )


def load_weight_only(checkpoint_dir: str | os.PathLike, model: nn.Module, layer_wise: bool = False) -> nn.Module:
    """The same as [`load`]: the checkpoint says how it is quantized."""
    return load(checkpoint_dir, model)


def is_int8_model(model: nn.Module) -> bool:
    """Whether a model has quantized layers."""
    return bool(quantized_modules(held_model(model)))
