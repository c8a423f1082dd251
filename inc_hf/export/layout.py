"""The files that a model is run from, under the names that transformers.js, Optimum and sentence-transformers know."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedModel

from inc_hf.backends.onnxruntime import require_export
from inc_hf.config import Torch2ONNXConfig
from inc_hf.config.arguments import check_model, check_names, check_path
from inc_hf.config.checks import check_choice, check_float
from inc_hf.errors import UsageError
from inc_hf.export.built_in import METADATA
from inc_hf.export.decoder import decoder_part
from inc_hf.export.forward import forward_part
from inc_hf.export.made_of import WEIGHTS, marks_of
from inc_hf.export.part import Part
from inc_hf.export.seq2seq import seq2seq_parts
from inc_hf.export.write import OPENERS, checked, limit_of, write_freely
from inc_hf.undo import restored
from inc_hf.writable import check_writable

logger = logging.getLogger(__name__)

FOLDER = "onnx"  # in a model's directory
MODEL, ENCODER, DECODER = "model", "encoder_model", "decoder_model_merged"
SUFFIXES = {"int8": "_quantized", "bf16": "_bf16", "fp32": ""}


def export_model(
    model: PreTrainedModel,
    directory: str | os.PathLike,
    conf: Torch2ONNXConfig | None = None,
    limit: float | None = None,
    backend: str = "onnxruntime",
    inputs: Sequence[str] = (),
) -> list[Path]:
    """Write the files that run a model, with a cache of keys and values if it generates text.

    They are `model.onnx`, or `encoder_model.onnx` and `decoder_model_merged.onnx` of models that have both, with
    `_quantized` or `_bf16` at the end of the name. All of them are compared with torch on batches of several sizes
    before any is kept.

    Args:
        model (`PreTrainedModel`): float, in bfloat16, or quantized; it comes back as it was.
        directory (`str`): where to write; files of the same names are replaced.
        conf ([`Torch2ONNXConfig`], *optional*): by default the dtype that the model has.
        limit (`float`, *optional*): largest difference from torch, relative to the largest output; by default 1e-4 for
            a float model and 0.05 for a quantized one.
        backend (`str`): what runs the files when they are compared with torch, "onnxruntime" or "openvino".
        inputs (`list[str]`, *optional*): optional inputs that the file is to have besides those that a processor
            gives, such as "position_ids"; "inputs_embeds" is instead of tokens.

    Returns:
        `list[Path]`: of the files.

    Raises:
        ImportError: the extra `onnx` is not installed.
        ValueError: the model is not of `conf.dtype`, or keeps something else than keys and values.
        ExportError: it cannot be written, or a file computes something else.
    """
    require_export()
    check_model(model, of_transformers=True)
    check_path("directory", directory)
    check_names("inputs", inputs)
    check_choice("backend", backend, OPENERS)
    if limit is not None:
        check_float("limit", limit, low=0)
    marks = marks_of(model)
    model, conf = checked(model, conf)
    suffix = SUFFIXES[conf.dtype]

    def files(free: bool) -> dict[str, list[Part]]:
        found = {f"{stem}{suffix}.onnx": parts for stem, parts in parts_of(model, conf, inputs, free).items()}
        for parts in found.values():
            parts[0].metadata[WEIGHTS] = marks
        return found

    check_writable(directory)
    with restored(model):
        return write_freely(files, Path(directory), conf, limit_of(conf, limit), backend)


def parts_of(
    model: PreTrainedModel, conf: Torch2ONNXConfig, inputs: Sequence[str] = (), free: bool = True
) -> dict[str, list[Part]]:
    """How the model is cut into files: the name of each, without what says the dtype, and its parts."""
    if not model.can_generate():
        return {MODEL: [forward_part(model, conf, inputs, free)]}
    if not model.config.is_encoder_decoder:
        return {MODEL: [decoder_part(model, inputs)]}
    if inputs:
        raise UsageError(
            f"{type(model).__name__} is written with the inputs of an encoder and a decoder only, not with "
            f"{', '.join(inputs)}."
        )
    encoder, first, later = seq2seq_parts(model, free)
    return {ENCODER: [encoder], DECODER: [first, later]}


def remove_older(folder: Path, dtype: str) -> None:
    """Remove what we wrote beside a model that was quantized before and is float now, or the reverse: it would be run
    for the new model. Files of other tools stay, and are named.

    Args:
        dtype (`str`): of the files that were written now, one of [`SUFFIXES`].
    """
    from inc_hf.export.onnx import metadata_of  # an extra

    suffixes = [suffix for other, suffix in SUFFIXES.items() if (other == "int8") != (dtype == "int8")]
    for path in (folder / f"{stem}{suffix}.onnx" for stem in (MODEL, ENCODER, DECODER) for suffix in suffixes):
        if not path.is_file():
            continue
        if METADATA not in metadata_of(path):
            logger.warning("%s stays, which we did not write; remove it if it is of an older model.", path)
            continue
        logger.info("Gone with the older model: %s.", path)
        path.unlink()
        path.with_name(f"{path.name}_data").unlink(missing_ok=True)
