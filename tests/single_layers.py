"""Schemes, layers and a small network to try them on, and what comes out quantized."""

import copy

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from inc_hf.quantize import calibrate, convert, prepare
from inc_hf.quantize.scheme import ActivationScheme, Scheme, WeightScheme

W8, ROWS = WeightScheme(8), Scheme(WeightScheme(8))
DYNAMIC = Scheme(W8, ActivationScheme())
STATIC = Scheme(W8, ActivationScheme(dynamic=False, symmetric=False))
SYMMETRIC = Scheme(W8, ActivationScheme(dynamic=False, symmetric=True))
SCHEMES = {"dynamic": DYNAMIC, "static": STATIC, "static symmetric": SYMMETRIC, "weight-only": ROWS}
every_scheme = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
ACTIVATIONS = {
    "dynamic": ActivationScheme(),
    "static asymmetric": ActivationScheme(dynamic=False, symmetric=False),
    "static symmetric": ActivationScheme(dynamic=False, symmetric=True),
    "weight-only": None,
}
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
integer_activation = pytest.mark.parametrize(
    "activation", [a for a in ACTIVATIONS.values() if a], ids=[name for name, a in ACTIVATIONS.items() if a]
)
half_precision = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
WEIGHTS = {"8 bits": W8, "7 bits": WeightScheme(7), "4 bits": WeightScheme(4), "per tensor": WeightScheme(8, False)}
every_weight = pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)
# A layer, and the shape of its inputs.
LAYERS = {
    "linear": (lambda: nn.Linear(64, 32), (4, 64)),
    "conv1d of transformers": (lambda: Conv1D(32, 64), (4, 64)),
    "conv1d": (lambda: nn.Conv1d(8, 6, 3), (2, 8, 20)),
    "conv2d": (lambda: nn.Conv2d(8, 6, 3, padding=1), (2, 8, 9, 9)),
}
every_layer = pytest.mark.parametrize("build, shape", LAYERS.values(), ids=LAYERS)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(13, 8)
        self.conv = nn.Conv1d(8, 8, 3, padding=1)
        self.hidden = nn.Linear(8, 16)
        self.norm = nn.LayerNorm(16)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(16, 3)

    def forward(self, ids):
        x = self.conv(self.words(ids).transpose(1, 2)).transpose(1, 2)
        return self.head(self.dropout(self.norm(self.hidden(x))))


IDS = torch.arange(26).remainder(13).reshape(2, 13)
NET = {"words": ROWS, "conv": STATIC, "hidden": SYMMETRIC, "head": DYNAMIC}


def hooks(model):
    """Number of hooks of any kind on all modules."""
    kinds = ("_forward_pre_hooks", "_forward_pre_hooks_with_kwargs", "_forward_hooks", "_backward_hooks")
    return sum(len(getattr(module, kind)) for module in model.modules() for kind in kinds)


def linears(*sizes):
    """Linear layers in a row, each of a bias."""
    return nn.Sequential(*(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)))


def quantized(model, schemes, *batches):
    prepare(model, schemes)
    if batches:
        calibrate(model, batches, progress=False)
    return convert(model)


def twin_of(module, scheme, *batches):
    """The module's quantized twin after calibration with `batches`; the module itself stays as it is."""
    model = prepare(nn.Sequential(copy.deepcopy(module)), {"0": scheme})
    if batches:
        calibrate(model, batches, progress=False)
    return convert(model)[0]
