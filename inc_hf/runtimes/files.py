"""ONNX files, of a directory or of the Hub or written from a model of torch, as a model that runs them."""

import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import GenerationConfig, PreTrainedConfig, PreTrainedModel

from inc_hf.export import export_model
from inc_hf.export.built_in import METADATA, BuiltIn
from inc_hf.export.layout import DECODER, ENCODER, FOLDER, MODEL, SUFFIXES
from inc_hf.export.write import OPENERS
from inc_hf.models.files import find_file
from inc_hf.runtimes.generation import RuntimeDecoder, RuntimeSeq2Seq
from inc_hf.runtimes.model import RuntimeModel, on_runtime, output_class_of

logger = logging.getLogger(__name__)

VARIANTS = (SUFFIXES["int8"], SUFFIXES["fp32"], SUFFIXES["bf16"])  # the first that is there is taken


def form_of(
    model_class: type[PreTrainedModel], config: PreTrainedConfig
) -> tuple[type[RuntimeModel], tuple[str, ...]]:
    """How a model of this class runs elsewhere, and from which files.

    Raises:
        ValueError: it does not.
    """
    if not model_class.can_generate():
        output_class_of(model_class)
        return RuntimeModel, (MODEL,)
    return (RuntimeSeq2Seq, (ENCODER, DECODER)) if config.is_encoder_decoder else (RuntimeDecoder, (MODEL,))


def find_files(
    name: str | os.PathLike,
    model_class: type[PreTrainedModel],
    config: PreTrainedConfig,
    variants: Sequence[str] = VARIANTS,
    **hub: Any,
) -> list[Path]:
    """The ONNX files of a directory or a repository of the Hub, quantized ones first; none if some are missing.

    Args:
        variants (`list[str]`): how their names may end, the best first.
    """
    _, stems = form_of(model_class, config)
    for variant in variants:
        for folder in (f"{FOLDER}/", ""):
            found = [_find(name, f"{folder}{stem}{variant}.onnx", hub) for stem in stems]
            if all(found):
                return found
    return []


def _find(name: str | os.PathLike, file: str, hub: dict[str, Any]) -> Path | None:
    found = find_file(name, file, quiet=True, **hub)
    if found is None:
        return None
    find_file(name, f"{file}_data", quiet=True, **hub)  # weights beside it, which the file finds by itself
    return Path(found)


def from_files(
    model_class: type[PreTrainedModel], config: PreTrainedConfig, files: list[Path], backend: str
) -> PreTrainedModel:
    """Files of [`find_files`] as a model of `model_class`."""
    form, stems = form_of(model_class, config)
    sessions = {stem: OPENERS[backend](path) for stem, path in zip(stems, files, strict=True)}
    for path, session in zip(files, sessions.values(), strict=True):
        form.check(session, path, model_class)
    built_in = BuiltIn.from_json(next(iter(sessions.values())).metadata.get(METADATA))
    return on_runtime(form, model_class, config, backend, sessions, files, built_in)


def from_torch(model: PreTrainedModel, backend: str, inputs: Sequence[str] = ()) -> PreTrainedModel:
    """A model of torch on another runtime; its files lie in a temporary directory for as long as it lives.

    Args:
        inputs (`list[str]`): see [`inc_hf.export.export_model`].
    """
    form_of(type(model), model.config)  # refuses before the export
    folder = tempfile.TemporaryDirectory(prefix="inc_hf_onnx_")
    logger.info("There is no ONNX file yet; exporting the model, which `save_pretrained` keeps.")
    files = export_model(model, folder.name, backend=backend, inputs=inputs)
    found = from_files(type(model), model.config, files, backend)
    found.temporary = folder
    if model.can_generate():
        found.generation_config = model.generation_config
    return found


def with_generation_config(model: PreTrainedModel, name: str | os.PathLike, **hub: Any) -> PreTrainedModel:
    """The model with the settings of `generate` that lie beside it, if there are any."""
    if model.can_generate() and find_file(name, "generation_config.json", **hub):
        model.generation_config = GenerationConfig.from_pretrained(name, **hub)
    return model
