"""Writing a model as ONNX, and making sure that the file computes the same (INC 2.X `model.export`)."""

import inspect
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from inc_hf.backends.onnxruntime import (
    ExportError,
    axes_of,
    difference,
    export_onnx,
    open_session,
    other_batch,
    require_onnxruntime,
)
from inc_hf.config import Torch2ONNXConfig
from inc_hf.model_inputs import example_batch
from inc_hf.quantize.modules import quantized_modules
from inc_hf.quantize.workflow import evaluating

logger = logging.getLogger(__name__)

# Relative to the largest output. The order of additions differs by 1e-6; that can move an activation to the next
# integer, which moves an output of a quantized model by up to some per cent.
FLOAT_LIMIT, QUANTIZED_LIMIT = 1e-4, 5e-2


def export(
    model: nn.Module, save_path: str | os.PathLike, conf: Torch2ONNXConfig | None = None, limit: float | None = None
) -> Path:
    """Write a float or quantized model as ONNX: the integers and scales that it has, nothing is calibrated again.

    The file is run by ONNX Runtime on the example batch and on one of other sizes, and kept only if its outputs are
    those of torch.

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
        ValueError: the model is not of `conf.dtype`, not in float32, or has no such inputs or outputs.
        ExportError: it cannot be written, or the file computes something else.
    """
    require_onnxruntime()
    is_quantized = bool(quantized_modules(model))
    conf = conf or Torch2ONNXConfig(dtype="int8" if is_quantized else "fp32")
    if is_quantized != (conf.dtype == "int8"):
        kind, dtype = ("quantized", "int8") if is_quantized else ("not quantized", "fp32")
        raise ValueError(
            f"The model is {kind}, but `dtype={conf.dtype!r}` is asked for; set `dtype={dtype!r}` in the "
            "Torch2ONNXConfig, or pass the other model."
        )
    _check_dtype(model)
    inputs = _inputs_of(model, conf)
    axes = axes_of(inputs) if conf.dynamic_axes is None else conf.dynamic_axes
    target = Path(save_path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with evaluating(model), tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        written = Path(folder) / target.name
        export_onnx(model, inputs, written, conf.output_names, axes, conf.quant_format, conf.opset_version)
        limit = limit or (QUANTIZED_LIMIT if is_quantized else FLOAT_LIMIT)
        _validate(model, written, [inputs, other_batch(inputs, axes)], limit)
        for path in Path(folder).iterdir():
            os.replace(path, target.parent / path.name)
    return target


def _check_dtype(model: nn.Module) -> None:
    """Refuse other floats than float32: quantized layers compute in it, and ONNX converts nothing by itself."""
    found = {p.dtype for p in model.parameters() if p.is_floating_point()}
    found |= {module.dtype for module in quantized_modules(model).values()}
    if other := found - {torch.float32}:
        raise ValueError(f"Only float32 models are exported, this one has {other.pop()}; load it in float32.")


def _validate(model: nn.Module, path: Path, batches: list[dict[str, Tensor]], limit: float) -> None:
    session = open_session(path)
    worst = max(difference(model, session, {n: batch[n] for n in session.input_names}) for batch in batches)
    if worst > limit:
        raise ExportError(
            f"ONNX Runtime's outputs differ from those of torch by {worst:.2e} of the largest, more than {limit:.0e}; "
            "nothing was written."
        )
    logger.info("ONNX Runtime's outputs differ from those of torch by %.1e of the largest.", worst)


def _inputs_of(model: nn.Module, conf: Torch2ONNXConfig) -> dict[str, Tensor]:
    given = conf.example_inputs
    if given is None and not isinstance(model, PreTrainedModel):
        raise ValueError(f"`example_inputs` is needed for a {type(model).__name__}: a dict, a tuple or a tensor.")
    inputs = example_batch(model) if given is None else _by_name(model, given)
    if conf.input_names is not None:
        if unknown := sorted(set(conf.input_names) - set(inputs)):
            raise ValueError(f"The example batch has no inputs {unknown}, only {', '.join(inputs)}.")
        inputs = {name: inputs[name] for name in conf.input_names}
    return inputs


def _by_name(model: nn.Module, given: Any) -> dict[str, Tensor]:
    if isinstance(given, Tensor):
        given = (given,)
    if isinstance(given, tuple | list):
        given = dict(zip(inspect.signature(model.forward).parameters, given, strict=False))
    inputs = {name: value for name, value in dict(given).items() if name != "labels"}
    for name, value in inputs.items():
        if not isinstance(value, Tensor):
            raise ValueError(f"The example input {name!r} must be a tensor, got {type(value).__name__}.")
    return inputs
