"""From a model of torch to an ONNX file."""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.backends.onnxruntime.forms import written_for_onnx
from inc_hf.config.export import EXPORT_FORMATS, OLDEST_OPSET

LARGEST = 2**31 - 2**20  # bytes in one file of protobuf, with some room for the graph


class ExportError(RuntimeError):
    """A model, or a part of it, has no form in ONNX."""


class _Tensors(nn.Module):
    """Calls a model by name and returns a tuple of the outputs that were asked for."""

    def __init__(self, model: nn.Module, output_names: list[str]):
        super().__init__()
        self.model, self.output_names = model, output_names

    def forward(self, inputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
        outputs = named(self.model(**inputs))
        return tuple(outputs[name] for name in self.output_names)


def named(outputs: Any) -> dict[str, Tensor]:
    """The tensors among the outputs of a model: by their names in a `ModelOutput`, otherwise "output", "output_1", ….

    Raises:
        ExportError: there are none.
    """
    if isinstance(outputs, Tensor):
        outputs = (outputs,)
    if not isinstance(outputs, Mapping):
        outputs = {f"output_{i}" if i else "output": value for i, value in enumerate(outputs)}
    tensors = {name: value for name, value in outputs.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ExportError(f"The model returns no tensors, but {[type(value).__name__ for value in outputs.values()]}.")
    return tensors


def export_onnx(
    model: nn.Module,
    inputs: Mapping[str, Tensor],
    path: str | os.PathLike,
    output_names: Sequence[str] | None = None,
    dynamic_axes: Mapping[str, Mapping[int, str]] | None = None,
    quant_format: str = "QDQ",
    opset_version: int = OLDEST_OPSET,
) -> Path:
    """Write `path`, in one file or, above 2 GB, with its weights in `path` + `_data` beside it.

    Args:
        model (`nn.Module`): float or quantized, in evaluation mode; it comes back as it was.
        inputs (`dict[str, torch.Tensor]`): an example batch by the names of `forward`.
        output_names (`list[str]`, *optional*): which outputs to write; all tensors by default, see [`named`].
        dynamic_axes (*optional*): `{input: {axis: name}}`; by default those of [`axes_of`].
        quant_format (`str`): how static activations are written: "QDQ" or "QOperator".
        opset_version (`int`): of the standard operators, 18 or later.

    Raises:
        ValueError: an unknown format or output, or an opset before 18.
        ExportError: something in the model has no form in ONNX; names it.
    """
    if quant_format not in EXPORT_FORMATS:
        raise ValueError(f"`quant_format` must be one of {', '.join(EXPORT_FORMATS)}, got {quant_format!r}.")
    if opset_version < OLDEST_OPSET:
        raise ValueError(f"`opset_version` must be {OLDEST_OPSET} or later, got {opset_version}.")
    axes = axes_of(inputs) if dynamic_axes is None else dynamic_axes
    with torch.no_grad():
        found = list(named(model(**inputs)))
    names = found if output_names is None else list(output_names)
    if unknown := sorted(set(names) - set(found)):
        raise ValueError(f"The model has no outputs {unknown}; it has {', '.join(found)}.")
    with written_for_onnx(model, quant_format), torch.no_grad(), quiet():
        program = _trace(_Tensors(model, names).eval(), dict(inputs), axes, names, opset_version)
    _name_axes(program.model, axes)
    _write(program.model, Path(path))
    return Path(path)


def _write(model: Any, path: Path) -> None:
    """Weights that one file cannot hold go beside it, under the name that transformers.js looks for."""
    import onnx_ir

    size = sum(value.const_value.nbytes for value in model.graph.initializers.values())
    onnx_ir.save(model, path, external_data=f"{path.name}_data" if size > LARGEST else None)


def _trace(wrapper: nn.Module, inputs: dict[str, Tensor], axes: Mapping, output_names: list[str], opset: int) -> Any:
    dynamic = torch.export.Dim.DYNAMIC
    shapes = {name: dict.fromkeys(axes.get(name, {}), dynamic) for name in inputs}
    try:
        program = torch.export.export(wrapper, (inputs,), dynamic_shapes={"inputs": shapes}, strict=False)
        return torch.onnx.export(
            program,
            input_names=list(inputs),
            output_names=output_names,
            opset_version=opset,
            dynamo=True,
            verbose=False,
        )
    except Exception as error:  # whatever the code of a model raises when it is traced
        raise ExportError(
            f"{type(wrapper.model).__name__} cannot be written as ONNX: {_first_cause(error)}"
        ) from error


def _first_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {str(error).strip()[:1000]}"


def axes_of(inputs: Mapping[str, Tensor]) -> dict[str, dict[int, str]]:
    """The axes that may change: the batch, and the sequence of ids, which every input of a kind shares."""
    axes: dict[str, dict[int, str]] = {}
    for name, tensor in inputs.items():
        axes[name] = {0: "batch"}
        if tensor.ndim > 1 and not tensor.is_floating_point():
            axes[name][tensor.ndim - 1] = "decoder_sequence" if name.startswith("decoder_") else "sequence"
    return axes


def _name_axes(model: Any, axes: Mapping[str, Mapping[int, str]]) -> None:
    """Exchange the exporter's names of dynamic axes, such as `s18`, for ours, in what goes in and what comes out."""
    import onnx_ir

    names = {str(v.shape[axis]): name for v in model.graph.inputs for axis, name in axes.get(v.name, {}).items()}
    for value in [*model.graph.inputs, *model.graph.outputs]:
        dims = [dim if isinstance(dim, int) else names.get(str(dim), str(dim)) for dim in value.shape or ()]
        value.shape = onnx_ir.Shape(dims)


@contextmanager
def quiet() -> Iterator[None]:
    """The exporter prints its progress and warns of what it does itself."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
