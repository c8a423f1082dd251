"""What `inc_config.json` says of a saved model beside how it was made: its class, its compression, its size."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from inc_hf.checkpoint.adopt import as_dict
from inc_hf.checkpoint.header import weights_size
from inc_hf.checkpoint.sizes import float_size
from inc_hf.inference.layers import Layer, layers_of
from inc_hf.matching.sentences import encoder_of
from inc_hf.models.recipe import recipe_of
from inc_hf.models.sentence_files import sentence_class
from inc_hf.models.tasks import task_of
from inc_hf.quantize.bf16 import bf16_modules
from inc_hf.quantize.in_words import ONLY_WEIGHTS, activations_in_words, bits_in_words
from inc_hf.quantize.nn import quantized_modules

PRUNED = 0.1  # of the weights that are zero; rounding alone makes some in every model
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


def about_files(directory: Path, model: nn.Module) -> dict[str, Any]:
    """What a directory shows in which `model` is saved; `model` may be one without weights."""
    encoder = encoder_of(model)
    size = {"weights": weights_size(directory), "as_fp32": float_size(directory, encoder)}
    known = {"training": training} if (training := recipe_of(encoder)) else {}
    return {"model": about_model(model, directory), "size": size, **known}


def about_model(model: nn.Module, directory: Path) -> dict[str, Any]:
    """Its class, what loads it, what it is for, and whether a tokenizer lies beside it."""
    encoder = encoder_of(model)
    hears = getattr(encoder, "main_input_name", None) in ("input_features", "input_values")
    task = task_of(type(encoder).__name__, hears)
    return {
        "class": type(model).__name__,
        "loaded_by": "IncModel" if task is None else task.inc_class,  # which loads any model without its head
        "task": task and task.name,
        "sentence": sentence_class(directory),
        "reads_texts": any((directory / name).is_file() for name in TOKENIZER_FILES),
    }


def compression_of(
    model: nn.Module, summary: Mapping[str, Any], layers: Mapping[str, Layer] | None = None
) -> dict[str, Any]:
    """Which kind of compression it is: in integers, in bfloat16, pruned, or none of these.

    Args:
        layers: those of a `model` without weights.

    Returns:
        `word` for tables; `made`, which goes on after the name of the base; `modules`, how many were changed; `tags`;
        `relation` to the base; `loaded_by`: who loads it without this package.
    """
    quantized, zeros = quantized_modules(model), (summary.get("zeros") or {}).get("weights", 0)
    if quantized:
        method = as_dict(encoder_of(model).config.quantization_config)["quant_method"]
        others = method if method == "compressed-tensors" else "nobody"
        made = _integers(model, summary)
        return _kind("quantized", made, len(quantized), ["int8", "quantized"], "quantized", others)
    if half := bf16_modules(model):
        return _kind("in bfloat16", "with weights in bfloat16", len(half), ["bf16"], "quantized", "float32")
    if zeros >= PRUNED:
        layers = layers_of(model) if layers is None else layers
        pruned = [layer for layer in layers.values() if layer.zeros.share >= PRUNED]
        return _kind("pruned", "pruned", len(pruned), ["pruned"], "finetune", "anybody")
    return _kind("trained", "fine-tuned", 0, [], "finetune", "anybody")


def _kind(word: str, made: str, modules: int, tags: list[str], relation: str, loaded_by: str) -> dict[str, Any]:
    named = {"word": word, "made": made, "modules": modules, "tags": [*tags, "cpu", "inc_hf"]}
    return {**named, "relation": relation, "loaded_by": loaded_by}


def _integers(model: nn.Module, summary: Mapping[str, Any]) -> str:
    if (told := summary.get("quantization")) is None:
        return f"in integers ({bits_in_words(model)})"
    bits = " and ".join(f"{bits}-bit" for bits in told["weight_bits"])
    activations, samples = activations_in_words(model), told["dataset_num_samples"]
    if activations == ONLY_WEIGHTS:
        return f"with {bits} integer weights"
    calibrated = f", calibrated on {samples} samples" if told["is_static"] and samples else ""
    return f"with {bits} integer weights and 8-bit activations ({activations}{calibrated})"
