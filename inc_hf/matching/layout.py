"""How the weights of layers lie, and which layers are plain ones."""

import math

from torch import nn


def is_transposed(module: nn.Module) -> bool:
    """Whether the weight has the shape `(inputs, outputs)`, as that of `transformers.Conv1D`."""
    # also while it is prepared for QAT, and once it is quantized
    return type(module).__name__.endswith("Conv1D") or getattr(module, "is_conv1d", False)


def matrix_shape(module: nn.Module) -> tuple[int, int]:
    """Output channels and inputs per channel."""
    shape = tuple(module.weight.shape)
    return (shape[1], shape[0]) if is_transposed(module) else (shape[0], math.prod(shape[1:]))


def is_plain(module: nn.Module) -> bool:
    """Whether the weights can be cut: not those of a quantized layer, or of one with an adapter."""
    return type(module) is nn.Linear or type(module).__name__ == "Conv1D"
