"""Bias correction takes back the mean error of each output channel, and nothing else."""

import pytest
import torch
from tiny import quantized, tiny_inputs, tiny_model
from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.quantization import fit

CORRECT = {"fast_bias_correction": True}


def mean_errors(**config) -> torch.Tensor:
    """Of the output channels of a layer whose inputs are all positive, and whose weights have few bits."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(32, 24)).requires_grad_(False)
    x = torch.rand(400, 32)
    expected = model(x)
    config = PostTrainingQuantConfig(**{"op_type_dict": {"Linear": {"weight": {"bits": 4}}}, **config})
    return (fit(model, config, calib_dataloader=x.split(80))(x) - expected).mean(0)


@pytest.mark.parametrize("approach", ["static", "dynamic", "weight_only", "auto"])
@pytest.mark.parametrize("others", [{}, {"smooth_quant": True}], ids=["alone", "smoothed"])
def test_the_mean_error_falls(approach, others):
    before = mean_errors(approach=approach, recipes=others).abs().mean()
    assert mean_errors(approach=approach, recipes={**others, **CORRECT}).abs().mean() < 0.2 * before


def test_only_biases_change():
    plain, corrected = (quantized("bert", "static", recipes=recipes).model.state_dict() for recipes in ({}, CORRECT))
    changed = {name for name in plain if not torch.equal(plain[name], corrected[name])}
    assert changed and all(name.endswith("bias") for name in changed)
    assert not any("LayerNorm" in name for name in changed)


def test_layers_without_a_bias_stay_as_they_are():
    plain, corrected = (quantized("llama", "static", recipes=recipes).model for recipes in ({}, CORRECT))
    states = plain.state_dict(), corrected.state_dict()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.parametrize("observer", ["mse", "percentile", "kl", "moving_average"])
def test_observers_that_clip_are_refused(observer):
    model = tiny_model("bert")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    settings = {"op_type_dict": {"Linear": {"activation": {"algorithm": observer}}}, "recipes": CORRECT}
    with pytest.raises(ValueError, match=f"does not go with the observer '{observer}'.*minmax"):
        fit(model, PostTrainingQuantConfig(**settings), calib_dataloader=[tiny_inputs(model)])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_it_needs_data():
    with pytest.raises(ValueError, match="Bias correction needs calibration data"):
        fit(tiny_model("bert"), PostTrainingQuantConfig(approach="dynamic", recipes=CORRECT))
