"""SmoothQuant and bias correction against slow twins in float64, written from the papers' formulas."""

import numpy as np
import pytest
import torch
from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.quantization import fit

ALPHAS = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
BITS = {"op_type_dict": {"Linear": {"weight": {"bits": 8}}}}


def data() -> tuple[nn.Linear, np.ndarray]:
    """A layer, and inputs of which a few channels are large and whose channels have means."""
    torch.manual_seed(0)
    layer = nn.Linear(16, 12).requires_grad_(False)
    return layer, (torch.randn(200, 16) * torch.logspace(-1, 1, 16) + torch.linspace(-1, 1, 16)).double().numpy()


def twin_of(layer: nn.Linear, x: np.ndarray, alpha: float | None) -> np.ndarray:
    """`Q(x / s) @ Q(W s).T + b`: weights symmetric by row, inputs asymmetric in one range."""
    weight, bias = (p.double().numpy() for p in (layer.weight, layer.bias))
    factors = np.ones(x.shape[1])
    if alpha is not None:
        for j in range(x.shape[1]):
            factors[j] = np.abs(x[:, j]).max() ** alpha / np.abs(weight[:, j]).max() ** (1 - alpha)
    smooth, heavy = x / factors, weight * factors
    for row in heavy:
        step = np.abs(row).max() / 127
        row[:] = np.round(row / step) * step
    low, high = min(smooth.min(), 0), max(smooth.max(), 0)
    step = (high - low) / 255
    zero = np.round(-128 - low / step)
    codes = np.clip(np.round(smooth / step + zero), -128, 127)
    return (codes - zero) * step @ heavy.T + bias


def found_of(layer: nn.Linear, x: np.ndarray, **recipes) -> np.ndarray:
    model = nn.Sequential(nn.Linear(16, 12)).requires_grad_(False)
    model[0].load_state_dict(layer.state_dict())
    config = PostTrainingQuantConfig(approach="static", calibration_sampling_size=200, recipes=recipes, **BITS)
    batches = torch.from_numpy(x).float().split(50)
    return fit(model, config, calib_dataloader=batches)(torch.from_numpy(x).float()).double().numpy()


def assert_near(found: np.ndarray, expected: np.ndarray, exact: np.ndarray) -> None:
    """Equal but for the few integers that float32 rounds to the other side: far below the error of the rounding."""
    assert np.abs(found - expected).mean() < 0.02 * np.abs(expected - exact).mean()


def exact_of(layer: nn.Linear, x: np.ndarray) -> np.ndarray:
    return x @ layer.weight.double().numpy().T + layer.bias.double().numpy()


@pytest.mark.parametrize("alpha", [None, 0.0, 0.5, 0.8, [0.7, 0.2]], ids=str)
def test_smoothing_with_an_alpha(alpha):
    layer, x = data()
    recipes = {} if alpha is None else {"smooth_quant": True, "smooth_quant_args": {"alpha": alpha}}
    expected = twin_of(layer, x, alpha[0] if isinstance(alpha, list) else alpha)  # the first, where nothing is tuned
    assert_near(found_of(layer, x, **recipes), expected, exact_of(layer, x))


@pytest.mark.parametrize("grid", [None, (0.25, 0.5, 0.75)], ids=["auto", "a grid"])
def test_the_alpha_of_the_least_output_error(grid):
    layer, x = data()
    values = {"alpha": "auto"}
    if grid:
        values["auto_alpha_args"] = {"alpha_min": 0.25, "alpha_max": 0.75, "alpha_step": 0.25}
    exact = exact_of(layer, x)
    twins = [twin_of(layer, x, alpha) for alpha in (None, *(grid or ALPHAS))]
    expected = min(twins, key=lambda twin: np.square(twin - exact).mean())
    assert_near(found_of(layer, x, smooth_quant=True, smooth_quant_args=values), expected, exact)


@pytest.mark.parametrize("alpha", [None, 0.8], ids=["plain", "smoothed"])
def test_bias_correction(alpha):
    """`b + E[x W^T - Q(x) Q(W)^T]` over the calibration data."""
    layer, x = data()
    smooth = {} if alpha is None else {"smooth_quant": True, "smooth_quant_args": {"alpha": alpha}}
    exact, rounded = exact_of(layer, x), twin_of(layer, x, alpha)
    expected = rounded + (exact - rounded).mean(0)
    found = found_of(layer, x, fast_bias_correction=True, **smooth)
    assert_near(found, expected, exact)
    assert np.abs((found - exact).mean(0)).max() < 0.05 * np.abs((rounded - exact).mean(0)).max()
