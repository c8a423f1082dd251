"""What rounding does to a weight."""

import torch
from torch import nn

from inc_hf.quantize.nn import weight_matrix


@torch.no_grad()
def weight_error(module: nn.Module, twin: nn.Module, relative: bool = False) -> float:
    """Sum of the squared errors of the twin's weight, or this over the sum of the squares of the module's."""
    weight = weight_matrix(module).float()
    restored = twin.dequantize().float()
    if twin.scheme.smooth_alpha is not None:
        restored = restored / twin.smooth_scale
    error = (restored - weight).square().sum()
    return float(error / weight.square().sum().clamp(min=1e-30) if relative else error)
