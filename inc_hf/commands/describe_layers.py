"""What `inc-hf info` tells of the layers of a checkpoint: their zeros, and the kernel of each on this machine."""

from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from inc_hf.checkpoint.adopt import as_dict
from inc_hf.inference.layers import Layer, kernels_in_numbers, measured
from inc_hf.prune.zeros import zeros_in_numbers, zeros_in_words
from inc_hf.runtimes.one_by_one import layers_in_files

READABLE = (None, "inc", "compressed-tensors")  # methods whose layers are known
FOR_PROGRAMS = ("zeros_in_numbers", "layers")  # what tables do not show


def layers_in_words(directory: Path, model: PreTrainedModel | None) -> dict[str, Any]:
    """Zeros and kernels, measured from the files; nothing of layers of a class or method that nobody knows here.

    Args:
        model: the model of the checkpoint without weights.
    """
    if model is None:
        return {}
    quantization = as_dict(getattr(model.config, "quantization_config", None)) or {}
    if quantization.get("quant_method") not in READABLE:
        return {}
    layers = measured(layers_in_files(directory, model))
    zeros = {name: layer.zeros for name, layer in layers.items()}
    if not layers:
        return {}
    return {
        "zeros": zeros_in_words(zeros),
        "zeros_in_numbers": zeros_in_numbers(zeros),
        "kernels_here": kernels_in_numbers(layers),
        "layers": {name: _in_numbers(layer) for name, layer in layers.items()},
    }


def _in_numbers(layer: Layer) -> dict[str, Any]:
    numbers = zeros_in_numbers({"": layer.zeros})
    shares = {"zero_weights": numbers["weights"], "zero_4x1_blocks": numbers["blocks_4x1"]}
    return {"kernel": layer.kernel, **shares, "n_of_m": layer.zeros.n_of_m}
