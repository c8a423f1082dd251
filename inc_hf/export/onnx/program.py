"""From a module of torch to a graph of ONNX, by the exporter of transformers where it serves.

`transformers.exporters` is experimental. It is used here only, for the many forms of masks and caches that it knows
how to trace; other versions of transformers take what stands under it, `torch.onnx.export`.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.backends.compare import named

# Its interface is that of today since this file is there, from transformers 5.23 on.
HAS_EXPORTER = find_spec("transformers.exporters") is not None and (
    find_spec("transformers.exporters.metadata") is not None
)
ELSE = "Run the model on torch instead (`backend='torch'`)."  # what to do where there is no file
PREFIX = "inputs."  # names of what is inside the one argument, `inputs`


class ExportError(RuntimeError):
    """A model, or a part of it, has no form in ONNX."""


class Flat(nn.Module):
    """Calls a model with a dict of inputs, and gives the outputs that were asked for by their names."""

    def __init__(self, model: nn.Module, output_names: list[str]):
        super().__init__()
        self.model, self.output_names = model, output_names

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        outputs = named(self.model(**inputs))
        return {name: outputs[name] for name in self.output_names}


def onnx_program(
    module: Flat, inputs: Mapping[str, Tensor], axes: Mapping[str, Mapping[int, str]], opset_version: int
) -> Any:
    """The graph of `module` as an `onnx_ir.Model`, its inputs and outputs called as those of `module`."""
    dynamic = torch.export.Dim.DYNAMIC
    shapes = {"inputs": {name: dict.fromkeys(axes.get(name, {}), dynamic) for name in inputs}}
    trace = _by_transformers if HAS_EXPORTER else _by_torch
    with torch.no_grad(), quiet():
        model = trace(module, {"inputs": dict(inputs)}, shapes, opset_version)
    for value in model.graph.inputs:
        value.name = value.name.removeprefix("input.").removeprefix(PREFIX)
    for value, name in zip(model.graph.outputs, module.output_names, strict=True):
        value.name = name
    return model


def _by_transformers(module: Flat, inputs: dict[str, dict], shapes: dict, opset_version: int) -> Any:
    from transformers.exporters import OnnxConfig, OnnxExporter

    config = OnnxConfig(dynamic_shapes=shapes, opset_version=opset_version)
    model, _ = OnnxExporter().export_program(module, inputs, config)
    return model


def _by_torch(module: Flat, inputs: dict[str, dict], shapes: dict, opset_version: int) -> Any:
    program = torch.export.export(module, (), inputs, dynamic_shapes=shapes, strict=False)
    names = [PREFIX + name for name in inputs["inputs"]]
    return torch.onnx.export(
        program,
        input_names=names,
        output_names=module.output_names,
        opset_version=opset_version,
        dynamo=True,
        verbose=False,
    ).model


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The exporters print their progress, and log and warn of what they do themselves."""
    disabled = logging.root.manager.disable
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        with contextlib.redirect_stderr(io.StringIO()):  # of a failure, the whole graph
            warnings.simplefilter("ignore")
            logging.disable(logging.ERROR)
            try:
                yield
            finally:
                logging.disable(disabled)
