"""SmoothQuant: divide each input channel by a factor and multiply the weight's column by it, so that outliers of a few
channels no longer widen the range of all (Xiao et al., 2022, https://arxiv.org/abs/2211.10438).
"""

import torch
from torch import Tensor

# INC's bounds: a weight column counts as at least 1e-5, a factor is at least 1e-5.
SMALLEST = 1e-5


class ChannelRange:
    """Smallest and largest value of each input channel over all calibration batches."""

    def __init__(self):
        self.low: Tensor | None = None
        self.high: Tensor | None = None

    @property
    def has_data(self) -> bool:
        return self.low is not None

    def update(self, x: Tensor) -> None:
        low, high = torch.aminmax(x.detach().float().reshape(-1, x.shape[-1]), dim=0)
        self.low = low if self.low is None else torch.minimum(self.low, low)
        self.high = high if self.high is None else torch.maximum(self.high, high)

    @property
    def amax(self) -> Tensor:
        return torch.maximum(self.low.abs(), self.high.abs())

    def smoothed(self, factors: Tensor) -> tuple[float, float]:
        """Range of the whole input once it is divided by `factors`."""
        return float((self.low / factors).min()), float((self.high / factors).max())


def smoothing_factors(input_amax: Tensor, weight: Tensor, alpha: float) -> Tensor:
    """`s = input_amax^alpha / weight_amax^(1 - alpha)` of each input channel, 1 where the input is always 0.

    Args:
        input_amax (`torch.Tensor` of shape `(in_features,)`): largest input magnitudes.
        weight (`torch.Tensor` of shape `(out_features, in_features)`): float weight.
        alpha (`float`): 0 to 1, how much of the outliers moves into the weight.
    """
    weight_amax = weight.detach().abs().amax(0).float().clamp(min=SMALLEST)
    factors = (input_amax**alpha / weight_amax ** (1 - alpha)).clamp(min=SMALLEST)
    return torch.where(input_amax == 0, 1.0, factors)
