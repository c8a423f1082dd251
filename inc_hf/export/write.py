"""Writing graphs, and making sure that the files compute what torch computes."""

import copy
import logging
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from inc_hf.atomic import locked, temporary_directory
from inc_hf.backends import onnxruntime, openvino
from inc_hf.backends.compare import why_different
from inc_hf.config import Torch2ONNXConfig
from inc_hf.config.arguments import check_conf, check_model
from inc_hf.errors import UsageError
from inc_hf.export.axes import FREE_NAMES
from inc_hf.export.names import chosen, rename
from inc_hf.export.onnx import ELSE, ExportError, onnx_graph, write_onnx
from inc_hf.export.part import Part
from inc_hf.models.dtypes import float_dtypes
from inc_hf.models.kv_cache import PAST, SWITCH, without_past
from inc_hf.quantize.bf16 import bf16_modules, without_bf16
from inc_hf.quantize.nn import quantized_modules
from inc_hf.quantize.workflow import evaluating
from inc_hf.telling import NOTICE

logger = logging.getLogger(__name__)

OPENERS: dict[str, Callable[[Path], Any]] = {
    "onnxruntime": onnxruntime.open_session,
    "openvino": openvino.open_session,
}
# Relative to the largest output. The order of additions differs by 1e-6; that can move an activation to the next
# integer, which moves an output of a quantized model by up to some per cent.
FLOAT_LIMIT, QUANTIZED_LIMIT = 1e-4, 5e-2


def checked(model: nn.Module, conf: Torch2ONNXConfig | None) -> tuple[nn.Module, Torch2ONNXConfig]:
    """The model to trace, which is in float32, and the config with the dtype that the model has.

    Raises:
        ValueError: the model is not of `conf.dtype`, or of a dtype that is not written.
    """
    check_model(model)
    check_conf(conf, Torch2ONNXConfig)
    _refuse_switching(model)
    has_halves, dtype = bool(bf16_modules(model)), dtype_of(model)
    conf = conf or Torch2ONNXConfig(dtype=dtype)
    if conf.dtype != dtype:
        raise UsageError(
            f"The model is {_words(dtype)}, but `dtype={conf.dtype!r}` is asked for; set `dtype={dtype!r}` in the "
            "Torch2ONNXConfig, or pass the other model."
        )
    if has_halves:
        return without_bf16(copy.deepcopy(model)), conf
    if dtype == "bf16":  # its weights, exactly, in a model that computes in float32
        return copy.deepcopy(model).float(), conf
    if other := float_dtypes(model) - {torch.float32}:
        raise UsageError(
            f"Only models in float32 or all in bfloat16 are exported, this one has {other.pop()}; load it in float32."
        )
    return model, conf


def _refuse_switching(model: nn.Module) -> None:
    """BigBird takes another attention for short texts, and keeps it: a file would have that for all lengths."""
    if isinstance(model, PreTrainedModel) and getattr(model.config, "attention_type", None) == "block_sparse":
        raise UsageError(
            f"{type(model).__name__} attends in sparse blocks to long texts and fully to short ones, which one file "
            "cannot; load it with `attention_type='original_full'` to export that, or use backend='torch'."
        )


def dtype_of(model: nn.Module) -> str:
    """The `dtype` of a Torch2ONNXConfig for a model as it is."""
    is_half = bool(bf16_modules(model)) or float_dtypes(model) == {torch.bfloat16}
    return "int8" if quantized_modules(model) else "bf16" if is_half else "fp32"


def _words(dtype: str) -> str:
    return {"int8": "quantized", "fp32": "not quantized and in float32", "bf16": "in bfloat16"}[dtype]


def limit_of(conf: Torch2ONNXConfig, limit: float | None) -> float:
    """The largest difference that is accepted."""
    return limit or (QUANTIZED_LIMIT if conf.dtype == "int8" else FLOAT_LIMIT)


def write_files(
    files: dict[str, list[Part]], directory: Path, conf: Torch2ONNXConfig, limit: float, backend: str = "onnxruntime"
) -> list[Path]:
    """Write files into `directory`, all or none: each is one part, or the first and the later steps of a decoder.

    Args:
        backend (`str`): what runs the files when they are compared with torch, one of [`OPENERS`].

    Raises:
        ExportError: a part cannot be written, or computes something else.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with temporary_directory(directory / "onnx") as folder:
        for name, parts in files.items():
            graph = _graph(parts, conf)
            write_onnx(graph, folder / name)
            _validate(parts, OPENERS[backend](folder / name), limit, f"{name} on {backend}")
            if _rename(graph, parts[0], conf):
                write_onnx(graph, folder / name)
        _put(folder, directory, files)
    return [directory / name for name in files]


def _rename(graph: Any, part: Part, conf: Torch2ONNXConfig) -> bool:
    """Call inputs and outputs as the user does, once they are compared with torch; says whether there is a change."""
    _, outputs = chosen(conf.output_names, [value.name for value in graph.graph.outputs], "outputs")
    others = {**part.names, **outputs}
    if others:
        words = ", ".join(f"{name} is called {other}" for name, other in others.items())
        logger.log(NOTICE, "In the file %s.", words)
    return rename(graph, part.names, outputs)


def write_freely(make: Callable[[bool], dict[str, list[Part]]], *args: Any, **kwargs: Any) -> list[Path]:
    """[`write_files`], with as many axes that may change as can be written.

    Args:
        make (`Callable`): the files; gets whether more may change than the batch and the number of tokens.
    """
    files = make(True)
    try:
        return write_files(files, *args, **kwargs)
    except ExportError as error:
        if not any(FREE_NAMES.intersection(axes.values()) for p in _parts(files) for axes in p.axes.values()):
            raise
        logger.warning("Written for one size only, which is said below, since: %s", str(error).splitlines()[0])
        return write_files(make(False), *args, **kwargs)


def _parts(files: dict[str, list[Part]]) -> list[Part]:
    return [part for parts in files.values() for part in parts]


def _inputs_in_words(part: Part) -> str:
    """The inputs with the sizes that they are bound to, such as "pixel_values (batch, 3, 224, 224)"."""
    shapes = {n: [part.axes.get(n, {}).get(i, d) for i, d in enumerate(t.shape)] for n, t in part.batches[0].items()}
    return ", ".join(f"{n} ({', '.join(map(str, s))})" for n, s in shapes.items() if not n.startswith(PAST))


def _put(folder: Path, directory: Path, names: Collection[str]) -> None:
    """Move what was written to its place, and remove weights that an older file had beside it.

    Where several files belong together, the older ones go first, and weights come before the graph that names them:
    who is killed here leaves some files missing, which readers see, and not some old and some new.
    """
    written = sorted(folder.iterdir(), key=lambda path: (not path.name.endswith("_data"), path.name))
    data = {f"{name}_data" for name in names}
    with locked(directory):
        if len(written) > 1 or any((directory / name).exists() for name in data):
            for name in (*names, *data):
                (directory / name).unlink(missing_ok=True)
        for path in written:
            os.replace(path, directory / path.name)


def _graph(parts: list[Part], conf: Torch2ONNXConfig):
    graphs = []
    for part in parts:
        with evaluating(part.module):
            graphs.append(
                onnx_graph(
                    part.module, part.batches[0], conf.output_names, part.axes, conf.quant_format, conf.opset_version
                )
            )
    graph = graphs[0]
    if len(graphs) == 2:
        from inc_hf.export.onnx.merge import merge

        graph = merge(*graphs, SWITCH)
    graph.metadata_props.update(parts[0].metadata)
    if conf.dtype == "bf16":
        from inc_hf.export.onnx.bf16 import store_in_bf16

        store_in_bf16(graph)
    return graph


def _completed(batch: dict[str, Tensor], session: Any) -> dict[str, Tensor]:
    """With what a file of two steps wants to know besides."""
    size = len(next(iter(batch.values())))
    is_later = any(name.startswith(PAST) for name in batch)
    return {**without_past(session.input_shapes, size), **batch, SWITCH: torch.tensor([is_later])}


def _validate(parts: list[Part], session: Any, limit: float, name: str) -> None:
    for part in parts:
        with evaluating(part.module):
            for batch in part.batches:
                if reason := _why_different(session, part, batch, limit):
                    raise ExportError(f"{name} computes something else: {reason}; nothing was written. {ELSE}")
    logger.info("%s: the outputs are those of torch, on batches of %s.", name, _inputs_in_words(parts[0]))


def _why_different(session: Any, part: Part, batch: dict[str, Tensor], limit: float) -> str | None:
    """In words; that the session does not take the batch is a reason, too."""
    try:
        return why_different(lambda b: session(_completed(b, session)), part.module, batch, limit)
    except UsageError as error:
        return str(error)
