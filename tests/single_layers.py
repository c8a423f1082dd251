"""Schemes for single layers, and the quantized twin of one."""

import copy

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from inc_hf.quantize import calibrate, convert, prepare
from inc_hf.quantize.scheme import ActivationScheme, Scheme, WeightScheme

W8, ROWS = WeightScheme(8), Scheme(WeightScheme(8))
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


def twin_of(module, scheme, *batches):
    """The module's quantized twin after calibration with `batches`; the module itself stays as it is."""
    model = prepare(nn.Sequential(copy.deepcopy(module)), {"0": scheme})
    if batches:
        calibrate(model, batches, progress=False)
    return convert(model)[0]
