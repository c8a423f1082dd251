"""One forward pass of a model as one file of ONNX (INC 2.X `model.export`)."""

import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

from inc_hf.backends.compare import axes_of, other_batch
from inc_hf.backends.onnxruntime import require_export
from inc_hf.config import Torch2ONNXConfig
from inc_hf.config.arguments import check_names, check_path
from inc_hf.config.checks import check_float
from inc_hf.errors import UsageError
from inc_hf.export.axes import batches_and_axes
from inc_hf.export.built_in import METADATA, built_in
from inc_hf.export.names import chosen
from inc_hf.export.part import Axes, Part
from inc_hf.export.write import checked, limit_of, write_freely
from inc_hf.models.examples import usual_inputs
from inc_hf.models.inputs import as_named
from inc_hf.quantize.workflow import evaluating
from inc_hf.undo import restored
from inc_hf.writable import check_writable


def export(
    model: nn.Module,
    save_path: str | os.PathLike,
    conf: Torch2ONNXConfig | None = None,
    limit: float | None = None,
    inputs: Sequence[str] = (),
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
        inputs (`list[str]`, *optional*): optional inputs that the file is to have besides those that a processor
            gives, such as "position_ids"; "inputs_embeds" is instead of tokens.

    Returns:
        `Path`: of the file.

    Raises:
        ImportError: the extra `onnx` is not installed.
        ValueError: the model is not of `conf.dtype`, or has no such inputs or outputs.
        ExportError: it cannot be written, or the file computes something else.
    """
    require_export()
    check_path("save_path", save_path)
    check_names("inputs", inputs)
    if limit is not None:
        check_float("limit", limit, low=0)
    model, conf = checked(model, conf)
    target = Path(save_path)
    check_writable(target.parent)
    with restored(model):
        write_freely(
            lambda free: {target.name: [forward_part(model, conf, inputs, free)]},
            target.parent,
            conf,
            limit_of(conf, limit),
        )
    return target


def forward_part(model: nn.Module, conf: Torch2ONNXConfig, inputs: Sequence[str] = (), free: bool = True) -> Part:
    """The whole of the model, with the inputs that the config gives, or made up ones.

    Args:
        inputs (`list[str]`): optional ones that the file is to have besides.
        free (`bool`): whether more may change than the batch and the number of tokens, where the model allows it.
    """
    if conf.example_inputs is not None or not isinstance(model, PreTrainedModel):
        given = _given(model, conf)
        names, others = chosen(conf.input_names, list(given), "inputs")
        given = {name: given[name] for name in names}
        axes = axes_of(given) if conf.dynamic_axes is None else _axes_of_model(conf.dynamic_axes, others)
        known = {METADATA: built_in(model, given).to_json()} if isinstance(model, PreTrainedModel) else {}
        return Part(model, [given, other_batch(given, axes)], axes, known, others)
    names, others = _names_of(model, conf, inputs)
    with evaluating(model):
        batches, axes = batches_and_axes(model, names, free)
    story = built_in(model, batches[0])
    if conf.dynamic_axes is not None:
        axes = _axes_of_model(conf.dynamic_axes, others)
        batches = [batches[0], other_batch(batches[0], axes)]
    return Part(model, batches, axes, {METADATA: story.to_json()}, others)


def _names_of(
    model: PreTrainedModel, conf: Torch2ONNXConfig, inputs: Sequence[str]
) -> tuple[list[str], dict[str, str]]:
    """Of the inputs that are made up: any that the model takes, or the usual ones under other names."""
    wanted = conf.input_names
    if wanted is not None and set(wanted) & set(inspect.signature(model.forward).parameters):
        return wanted, {}
    return chosen(wanted, usual_inputs(model, inputs), "inputs")


def _axes_of_model(axes: Axes, others: dict[str, str]) -> Axes:
    """Axes by the names that the model has for its inputs; those of outputs follow from them."""
    own = {other: name for name, other in others.items()}
    return {own.get(name, name): each for name, each in axes.items()}


def _given(model: nn.Module, conf: Torch2ONNXConfig) -> dict[str, Tensor]:
    if conf.example_inputs is None:
        raise UsageError(f"`example_inputs` is needed for a {type(model).__name__}: a dict, a tuple or a tensor.")
    return _by_name(model, conf.example_inputs)


def _by_name(model: nn.Module, given: Any) -> dict[str, Tensor]:
    inputs = {name: value for name, value in as_named(model, given).items() if name != "labels"}
    for name, value in inputs.items():
        if not isinstance(value, Tensor):
            raise UsageError(f"The example input {name!r} must be a tensor, got {type(value).__name__}.")
    return inputs
