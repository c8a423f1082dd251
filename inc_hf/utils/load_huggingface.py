"""INC 2.X `neural_compressor.utils.load_huggingface`: save for the Hub, load from it."""

import os
from functools import partial
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from inc_hf.checkpoint import attach_quantizer, save_checkpoint
from inc_hf.checkpoint.save import check_keeps_original
from inc_hf.checkpoint.stale import is_of_training, is_result
from inc_hf.config.arguments import check_path
from inc_hf.config.elsewhere import elsewhere
from inc_hf.errors import UsageError
from inc_hf.models.json_files import read_object
from inc_hf.models.source import source_of
from inc_hf.models.tasks import HUB_KEYWORDS, auto_class_of
from inc_hf.quantize.nn import quantized_modules
from inc_hf.results.quantized import QuantizedModel
from inc_hf.runtimes import load_model
from inc_hf.training import CompressedModel

WEIGHTS_NAME = "model.safetensors"  # INC's was a pickle, "pytorch_model.bin"
export_compressed_model = elsewhere(
    "export_compressed_model",
    "`save_pretrained` of a quantized model stores it compressed, and `from_pretrained` loads that",
)


def save_for_huggingface_upstream(
    model: QuantizedModel | CompressedModel | PreTrainedModel,
    tokenizer: Any,
    output_dir: str | os.PathLike,
    overwrite: bool = False,
) -> Path:
    """Write a quantized model and its tokenizer to a directory that can be uploaded as it is.

    In the `output_dir` of a Trainer its checkpoints and logs stay, and the model that it saved there is replaced. A
    model that this package has written is replaced, too: a script may run twice.

    Raises:
        ValueError: the model is not quantized.
        FileExistsError: the directory has something else in it, and `overwrite` is not set.
    """
    check_path("output_dir", output_dir)
    overwrite = overwrite or is_of_training(Path(output_dir)) or is_result(Path(output_dir))
    if isinstance(model, QuantizedModel):
        return model.save_pretrained(output_dir, tokenizer, overwrite=overwrite)
    held = model if isinstance(model, CompressedModel) else CompressedModel(model)
    model = held.model
    if not quantized_modules(model):
        raise UsageError("The model is not quantized; quantize it with `IncQuantizer` or `quantization.fit` first.")
    check_keeps_original(model, output_dir)
    if getattr(model, "hf_quantizer", None) is None:
        attach_quantizer(model)
    return save_checkpoint(partial(held.write, tokenizer=tokenizer), output_dir, overwrite)


def refuse_int8_of_inc(directory: str | os.PathLike) -> None:
    """Raise ValueError for a directory as INC's own `save_for_huggingface_upstream` wrote it, with a pickle."""
    weights = Path(directory) / "pytorch_model.bin"
    if weights.is_file() and not any(Path(directory).glob("*.safetensors")):
        config = read_object(Path(directory) / "config.json")
        if "int8" in (config.get("torch_dtype"), config.get("dtype")):
            raise UsageError(
                f"{weights} is a pickle of INC's with INT8 weights, which is not read, since loading a pickle can run "
                "any code. Quantize the float model again with `inc_hf.quantization.fit`, and save that."
            )


class OptimizedModel:
    """INC's loader: the class comes from the checkpoint's `architectures`."""

    def __init__(self, *args: Any, **kwargs: Any):
        raise OSError("Use `OptimizedModel.from_pretrained(directory_or_hub_name)`.")

    @staticmethod
    def from_pretrained(model_name_or_path: str | os.PathLike, **kwargs: Any) -> PreTrainedModel:
        """Load a quantized or a float checkpoint with the class that wrote it."""
        refuse_int8_of_inc(model_name_or_path)
        hub = source_of(model_name_or_path, **{key: kwargs[key] for key in HUB_KEYWORDS if key in kwargs})
        return load_model(auto_class_of(model_name_or_path, **hub), model_name_or_path, **kwargs | hub)
