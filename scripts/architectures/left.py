"""Which share of the weights is in INT8, counted without the help of the package, and what is left."""

from collections import Counter

from torch import nn
from transformers.pytorch_utils import Conv1D

from inc_hf import QuantizedModel
from inc_hf.quantize.nn import quantized_modules

WITH_WEIGHTS = (
    nn.Linear,
    nn.Embedding,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    Conv1D,
)


def share_and_left(model: nn.Module, quantized: QuantizedModel) -> tuple[float, str]:
    """Of all weights of layers, and of parameters of three dimensions (experts)."""
    done = quantized_modules(quantized.model)
    sizes: dict[int, int] = {}
    changed: set[int] = set()
    left: Counter[str] = Counter()
    for name, module in model.named_modules():
        own = {key: p for key, p in module.named_parameters(recurse=False) if is_weight(module, key, p)}
        for key, parameter in own.items():
            sizes[id(parameter)] = parameter.numel()
            if name in done:
                changed.add(id(parameter))
            else:
                left[type(module).__name__ if key == "weight" else f"{type(module).__name__}.{key}"] += 1
    total = sum(sizes.values())
    share = sum(sizes[key] for key in changed) / total if total else 0.0
    return share, ", ".join(f"{count} {kind}" for kind, count in left.most_common(6))


def is_weight(module: nn.Module, name: str, parameter: nn.Parameter) -> bool:
    return (isinstance(module, WITH_WEIGHTS) and name == "weight") or (parameter.ndim > 2 and min(parameter.shape) > 1)
