"""One forward pass of a model as one file of ONNX (INC 2.X `model.export`)."""

import os
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

from inc_hf.backends.compare import axes_of, other_batch
from inc_hf.backends.onnxruntime import require_export
from inc_hf.config import Torch2ONNXConfig
from inc_hf.errors import UsageError
from inc_hf.export.part import Part
from inc_hf.export.write import checked, limit_of, write_files
from inc_hf.models.inputs import as_named, example_batch


def export(
    model: nn.Module, save_path: str | os.PathLike, conf: Torch2ONNXConfig | None = None, limit: float | None = None
) -> Path:
    """Write a float or quantized model as ONNX: the integers and scales that it has, nothing is calibrated again.

    The file is run by ONNX Runtime on the example batch and on one of other sizes, and kept only if its outputs are
    those of torch. It is one forward pass, without a cache; see [`inc_hf.export.export_model`] for text generation.

    Args:
        model (`nn.Module`): it comes back as it was.
        save_path (`str`): of the file, such as "model.onnx".
        conf ([`Torch2ONNXConfig`], *optional*): by default the dtype that the model has.
        limit (`float`, *optional*): largest difference from torch, relative to the largest output; by default 1e-4 for
            a float model and 0.05 for a quantized one.

    Returns:
        `Path`: of the file.

    Raises:
        ImportError: the extra `onnx` is not installed.
        ValueError: the model is not of `conf.dtype`, or has no such inputs or outputs.
        ExportError: it cannot be written, or the file computes something else.
    """
    require_export()
    model, conf = checked(model, conf)
    target = Path(save_path)
    write_files({target.name: [forward_part(model, conf)]}, target.parent, conf, limit_of(conf, limit))
    return target


def forward_part(model: nn.Module, conf: Torch2ONNXConfig) -> Part:
    """The whole of the model, with the inputs that the config gives, or made up ones."""
    inputs = _inputs_of(model, conf)
    axes = axes_of(inputs) if conf.dynamic_axes is None else conf.dynamic_axes
    return Part(model, [inputs, other_batch(inputs, axes)], axes)


def _inputs_of(model: nn.Module, conf: Torch2ONNXConfig) -> dict[str, Tensor]:
    given = conf.example_inputs
    if given is None and not isinstance(model, PreTrainedModel):
        raise UsageError(f"`example_inputs` is needed for a {type(model).__name__}: a dict, a tuple or a tensor.")
    inputs = example_batch(model) if given is None else _by_name(model, given)
    if conf.input_names is not None:
        if unknown := sorted(set(conf.input_names) - set(inputs)):
            raise UsageError(f"The example batch has no inputs {unknown}, only {', '.join(inputs)}.")
        inputs = {name: inputs[name] for name in conf.input_names}
    return inputs


def _by_name(model: nn.Module, given: Any) -> dict[str, Tensor]:
    inputs = {name: value for name, value in as_named(model, given).items() if name != "labels"}
    for name, value in inputs.items():
        if not isinstance(value, Tensor):
            raise UsageError(f"The example input {name!r} must be a tensor, got {type(value).__name__}.")
    return inputs
