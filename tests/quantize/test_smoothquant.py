"""SmoothQuant: the formula, and that it keeps the function while it tames an outlier channel."""

import pytest
import torch
from torch import nn

from inc_hf.quantize import ActivationScheme, Scheme, WeightScheme, calibrate, convert, prepare
from inc_hf.quantize.smoothquant import ChannelRange, smoothing_factors


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_factors_are_the_formula(alpha):
    amax, weight = torch.tensor([4.0, 1.0, 0.25]), torch.tensor([[1.0, -2.0, 0.5], [0.5, 1.0, -4.0]])
    expected = amax**alpha / torch.tensor([1.0, 2.0, 4.0]) ** (1 - alpha)
    torch.testing.assert_close(smoothing_factors(amax, weight, alpha), expected)


def test_factor_of_a_channel_that_is_always_zero_is_one():
    factors = smoothing_factors(torch.tensor([0.0, 2.0]), torch.ones(3, 2), 0.5)
    assert factors[0] == 1 and factors[1] == pytest.approx(2**0.5)


def test_channel_range_over_batches():
    channels = ChannelRange()
    assert not channels.has_data
    channels.update(torch.tensor([[[1.0, -5.0], [2.0, 0.0]]]))
    channels.update(torch.tensor([[-3.0, 1.0]]))
    assert channels.low.tolist() == [-3.0, -5.0] and channels.high.tolist() == [2.0, 1.0]
    assert channels.amax.tolist() == [3.0, 5.0]
    assert channels.smoothed(torch.tensor([3.0, 1.0])) == (-5.0, 1.0)


def outlier_inputs() -> torch.Tensor:
    x = torch.randn(64, 32)
    x[:, 5] *= 100
    return x


@pytest.mark.parametrize("dynamic", [True, False], ids=["dynamic", "static"])
def test_error_on_an_outlier_channel_falls(dynamic):
    x, errors = outlier_inputs(), {}
    for alpha in (None, 0.5):
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(32, 16)).requires_grad_(False)
        reference = model(x)
        activation = ActivationScheme(dynamic=dynamic, symmetric=dynamic)
        prepare(model, {"0": Scheme(WeightScheme(), activation, alpha)})
        convert(calibrate(model, [x], progress=False))
        errors[alpha] = float((model(x) - reference).norm() / reference.norm())
    assert errors[0.5] < 0.5 * errors[None]


def test_dynamic_activations_with_smoothing_need_calibration():
    model = nn.Sequential(nn.Linear(8, 8))
    prepare(model, {"0": Scheme(WeightScheme(), ActivationScheme(), 0.5)})
    with pytest.raises(ValueError, match="need calibration"):
        convert(model)
