"""What rounding does to a weight."""

import torch
from torch import Tensor, nn

from inc_hf.quantize.nn import weight_matrix


def restored_weight(twin: nn.Module) -> Tensor:
    """What the integers stand for, without the factors of SmoothQuant: to be compared with the float weight."""
    restored = twin.dequantize().float()
    return restored if twin.scheme.smooth_alpha is None else restored / twin.smooth_scale


@torch.no_grad()
def weight_error(module: nn.Module, twin: nn.Module, relative: bool = False) -> float:
    """Sum of the squared errors of the twin's weight, or this over the sum of the squares of the module's."""
    weight = weight_matrix(module).float()
    error = (restored_weight(twin) - weight).square().sum()
    return float(error / weight.square().sum().clamp(min=1e-30) if relative else error)
