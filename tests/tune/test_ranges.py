"""Ranges of weights and activations, against what is computed here by hand."""

import pytest
import torch
from torch import nn

from inc_hf import PostTrainingQuantConfig
from inc_hf.quantization import fit
from inc_hf.quantize.nn import quantized_modules
from inc_hf.tune.ranges import activation_ranges, weight_ranges
from inc_hf.tune.space import copy_of


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(16, 16), nn.Linear(16, 8)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))


def both(approach: str, calibration: torch.Tensor, **recipes) -> tuple[nn.Module, nn.Module]:
    model = Net().eval()
    conf = PostTrainingQuantConfig(approach=approach, recipes=recipes, calibration_sampling_size=[64])
    data = None if approach == "dynamic" else [calibration]
    return model, fit(copy_of(model), conf, data).model


def test_weights():
    model, quantized = both("dynamic", None)
    rows = {row["module"]: row for row in weight_ranges(model, quantized_modules(quantized))}
    weight, module = model.first.weight.detach(), quantized.first
    restored = module.codes.double() * module.weight_scale.double()
    assert rows["first"]["float_max"] == float(weight.max())
    assert rows["first"]["int8_min"] == pytest.approx(float(restored.min()))
    assert rows["first"]["mse"] == pytest.approx(float((restored - weight.double()).square().mean()), rel=1e-4)


def test_weights_that_were_smoothed_are_compared_as_they_were():
    x = torch.randn(64, 16) * torch.linspace(0.1, 20, 16)
    model, quantized = both("static", x, smooth_quant=True, smooth_quant_args={"alpha": 0.5})
    for row in weight_ranges(model, quantized_modules(quantized)):
        assert row["int8_max"] == pytest.approx(row["float_max"], rel=0.05)


def test_static_activations_are_clipped():
    """Calibrated on [-1, 1], then a quarter of the values lies outside."""
    x = torch.linspace(-1, 1, 64 * 16).reshape(64, 16)
    model, quantized = both("static", x)
    wide = torch.cat([x, x, x, torch.full_like(x, 8.0)])
    rows = activation_ranges(model, quantized, quantized_modules(quantized), [wide])
    first = next(row for row in rows if row["module"] == "first")
    assert (first["float_min"], first["float_max"], first["clipped"]) == (-1.0, 8.0, 0.25)
    assert first["int8_min"] == pytest.approx(-1, abs=0.02) and first["int8_max"] == pytest.approx(1, abs=0.02)


def test_nothing_is_clipped_where_each_token_has_its_scale():
    x = torch.randn(8, 16)
    model, quantized = both("dynamic", None)
    rows = activation_ranges(model, quantized, quantized_modules(quantized), [x, 5 * x])
    assert [row["clipped"] for row in rows] == [0, 0]
    assert rows[0]["float_max"] == rows[0]["int8_max"] == float(5 * x.max())
    assert rows[1]["float_max"] != rows[1]["int8_max"], "the input of the second comes out of the first"


def test_without_batches():
    model, quantized = both("dynamic", None)
    assert activation_ranges(model, quantized, quantized_modules(quantized), []) == []
