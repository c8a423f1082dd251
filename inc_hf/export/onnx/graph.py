"""From a model of torch to an ONNX file."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.backends.compare import axes_of, named
from inc_hf.backends.onnxruntime import WEIGHT_BITS
from inc_hf.config.export import EXPORT_FORMATS, OLDEST_OPSET
from inc_hf.errors import UsageError
from inc_hf.export.names import chosen
from inc_hf.export.onnx.blame import explain, following
from inc_hf.export.onnx.forms import written_for_onnx
from inc_hf.export.onnx.program import ELSE, ExportError, Flat, onnx_program
from inc_hf.quantize.nn import quantized_modules

LARGEST = 2**31 - 2**20  # bytes in one file of protobuf, with some room for the graph


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

    See [`onnx_graph`] for the arguments and for what is raised.
    """
    graph = onnx_graph(model, inputs, output_names, dynamic_axes, quant_format, opset_version)
    return write_onnx(graph, path)


def onnx_graph(
    model: nn.Module,
    inputs: Mapping[str, Tensor],
    output_names: Sequence[str] | None = None,
    dynamic_axes: Mapping[str, Mapping[int, str]] | None = None,
    quant_format: str = "QDQ",
    opset_version: int = OLDEST_OPSET,
) -> Any:
    """A model as an `onnx_ir.Model`.

    Args:
        model (`nn.Module`): float or quantized, in evaluation mode; it comes back as it was.
        inputs (`dict[str, torch.Tensor]`): an example batch by the names of `forward`.
        output_names (`list[str]`, *optional*): which outputs to write; all tensors by default, see [`named`], or if
            these are other names, see [`chosen`].
        dynamic_axes (*optional*): `{input: {axis: name}}`; by default those of [`axes_of`].
        quant_format (`str`): how static activations are written: "QDQ" or "QOperator".
        opset_version (`int`): of the standard operators, 18 or later.

    Raises:
        ValueError: an unknown format or output, or an opset before 18.
        ExportError: something in the model has no form in ONNX; names it, and the module that it is in.
    """
    for name, module in quantized_modules(model).items():
        if not module.scheme.weight.is_plain:
            raise UsageError(
                f"`{name}` has asymmetric weights or groups of inputs, which the exporter does not write; "
                "quantize with `scheme` sym and `group_size` -1."
            )
    if quant_format not in EXPORT_FORMATS:
        raise UsageError(f"`quant_format` must be one of {', '.join(EXPORT_FORMATS)}, got {quant_format!r}.")
    if opset_version < OLDEST_OPSET:
        raise UsageError(f"`opset_version` must be {OLDEST_OPSET} or later, got {opset_version}.")
    axes = axes_of(inputs) if dynamic_axes is None else dynamic_axes
    inputs = _enlarged(inputs, axes)
    with torch.no_grad():
        found = list(named(model(**inputs)))
    names, _ = chosen(output_names, found, "outputs")
    graph = _traced(model, inputs, names, axes, quant_format, opset_version)
    _name_axes(graph, axes)
    _strip(graph)
    if bits := [module.scheme.weight.num_bits for module in quantized_modules(model).values()]:
        graph.metadata_props[WEIGHT_BITS] = str(max(bits))
    return graph


def _enlarged(inputs: Mapping[str, Tensor], axes: Mapping[str, Mapping[int, str]]) -> dict[str, Tensor]:
    """The inputs, twice along each axis that may change and has length 1, which torch would take for fixed."""
    lengths: dict[str, set[int]] = {}
    for name, tensor in inputs.items():
        for axis, label in axes.get(name, {}).items():
            lengths.setdefault(label, set()).add(tensor.shape[axis])
    enlarged = dict(inputs)
    for name in enlarged:
        for axis, label in axes.get(name, {}).items():
            if lengths[label] == {1}:
                enlarged[name] = torch.cat([enlarged[name]] * 2, axis)
    return enlarged


def _traced(model: nn.Module, inputs: Mapping, names: list[str], axes: Mapping, form: str, opset: int) -> Any:
    with written_for_onnx(model, form), following(model) as path:
        try:
            return onnx_program(Flat(model, names).eval(), inputs, axes, opset)
        except Exception as error:  # whatever the code of a model raises when it is traced
            reason = explain(error, model, lambda: model(**inputs), path.innermost())
            raise ExportError(f"{_name_of(model)} cannot be written as ONNX: {reason} {ELSE}") from error


def _name_of(model: nn.Module) -> str:
    """Of the user's class, where the model is a form of ours that holds it."""
    is_ours = type(model).__module__.startswith("inc_hf.export")
    return type(next(model.children()) if is_ours else model).__name__


def _strip(graph: Any) -> None:
    """Take out where each operator comes from: two megabytes for a BERT of six layers, and names of this machine's
    folders."""
    for node in graph.graph.all_nodes():
        node.metadata_props.clear()
        for value in node.outputs:
            value.metadata_props.clear()


def write_onnx(graph: Any, path: str | os.PathLike) -> Path:
    """Weights that one file cannot hold go beside it, under the name that transformers.js looks for."""
    import onnx_ir

    path = Path(path)
    size = sum(value.const_value.nbytes for value in graph.graph.initializers.values())
    onnx_ir.save(graph, path, external_data=f"{path.name}_data" if size > LARGEST else None)
    return path


def metadata_of(path: Path) -> dict[str, str]:
    """What a file tells about itself; nothing, if it is none of ONNX."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError:
        return {}
    return {entry.key: entry.value for entry in model.metadata_props}


def _name_axes(graph: Any, axes: Mapping[str, Mapping[int, str]]) -> None:
    """Exchange the exporter's names of dynamic axes, such as `s18`, for ours, in what goes in and what comes out."""
    import onnx_ir

    names: dict[str, str] = {}
    for value in graph.graph.inputs:
        for axis, name in axes.get(value.name, {}).items():
            names.setdefault(str(value.shape[axis]), name)

    def renamed(dim: Any) -> int | str:
        return dim if isinstance(dim, int) else re.sub(r"\w+", lambda match: names.get(match[0], match[0]), str(dim))

    for value in [*graph.graph.inputs, *graph.graph.outputs]:
        value.shape = onnx_ir.Shape([renamed(dim) for dim in value.shape or ()])
