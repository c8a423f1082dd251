"""Which floating-point numbers a model computes in."""

import torch
from torch import nn

from inc_hf.quantize.nn import quantized_modules


def float_dtypes(model: nn.Module) -> set[torch.dtype]:
    """Those of its parameters, and those that its quantized modules give back."""
    found = {p.dtype for p in model.parameters() if p.is_floating_point()}
    return found | {module.dtype for module in quantized_modules(model).values()}
