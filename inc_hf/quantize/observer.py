"""Observers see the inputs of a module during calibration and choose the range that its integers cover."""

import math

import torch
from torch import Tensor, nn

from inc_hf.errors import UsageError
from inc_hf.ops import activation_range
from inc_hf.quantize.functional import activation_qparams
from inc_hf.quantize.scheme import ActivationScheme

OBSERVERS: dict[str, type["MinMaxObserver"]] = {}


def register_observer(name: str):
    """Class decorator: make an observer known by the name that configs use."""

    def register(cls):
        OBSERVERS[name] = cls
        return cls

    return register


def observer_names() -> list[str]:
    """The observers that can be chosen."""
    return list(OBSERVERS)


def build_observer(scheme: ActivationScheme) -> "MinMaxObserver":
    """The observer that a static activation scheme names."""
    if scheme.observer not in OBSERVERS:
        known = ", ".join(sorted(OBSERVERS))
        raise UsageError(f"Unknown observer {scheme.observer!r}; choose one of {known}.")
    return OBSERVERS[scheme.observer](scheme)


@register_observer("minmax")
class MinMaxObserver(nn.Module):
    """The smallest and the largest value that were seen."""

    # Whether tuning tries it where the default misses the goal, if the user names no observers.
    tried_by_tuning = False

    def __init__(self, scheme: ActivationScheme):
        super().__init__()
        self.scheme = scheme
        self.low, self.high = float("inf"), float("-inf")

    def forward(self, x: Tensor) -> Tensor:
        """Take note of `x` and return it unchanged. Raises ValueError on NaN or Inf."""
        if x.numel():
            low, high = (value.item() for value in torch.aminmax(x.detach().float()))
            if not (abs(low) < float("inf") and abs(high) < float("inf")):
                raise UsageError("A calibration input has NaN or infinite values; check the FP32 model and the data.")
            self.update(x.detach().float(), low, high)
        return x

    def update(self, x: Tensor, low: float, high: float) -> None:
        self.low, self.high = min(self.low, low), max(self.high, high)

    @property
    def has_data(self) -> bool:
        return self.low <= self.high

    def range(self) -> tuple[float, float]:
        """The range `(low, high)` that the integers are to cover."""
        return self.low, self.high

    def qparams(self) -> tuple[Tensor, Tensor | None]:
        """Scale and zero point, as `functional.activation_qparams` returns them."""
        return activation_qparams(*self.range(), self.scheme.symmetric, self.scheme.num_bits)


@register_observer("moving_average")
class MovingAverageObserver(MinMaxObserver):
    """Moving average of each batch's extremes, constant 0.01, as in torch's MovingAverageMinMaxObserver."""

    averaging_constant = 0.01

    def update(self, x: Tensor, low: float, high: float) -> None:
        if not self.has_data:
            self.low, self.high = low, high
        self.low += self.averaging_constant * (low - self.low)
        self.high += self.averaging_constant * (high - self.high)


class HistogramObserver(MinMaxObserver):
    """A histogram of all values, whose bins merge in pairs when the range grows; subclasses choose where to clip."""

    num_bins = 2048
    piece_size = 1 << 22

    def __init__(self, scheme: ActivationScheme):
        super().__init__(scheme)
        self.counts = torch.zeros(self.num_bins, dtype=torch.float64)
        self.edge = 0.0  # the histogram covers [-edge, edge]

    def update(self, x: Tensor, low: float, high: float) -> None:
        super().update(x, low, high)
        amax = max(abs(low), abs(high))
        if self.edge == 0.0:
            # Not 0 for zeros either, which are counted like all others: the middle bin keeps them when it grows. A
            # power of two, so that the bins hang on the values alone, and not on the batch that came first.
            mantissa, exponent = math.frexp(max(amax, torch.finfo(torch.float32).tiny))
            self.edge = 2.0 ** (exponent if mantissa > 0.5 else exponent - 1)
        while amax > self.edge:
            self._double()
        # In float64, since float32 cannot count beyond 2^24, and in pieces, so that the copy stays small.
        for piece in x.flatten().split(self.piece_size):
            self.counts += torch.histc(piece.cpu().double(), self.num_bins, -self.edge, self.edge)

    def _double(self) -> None:
        """Cover twice the range: the old bins fill the middle half, merged in pairs."""
        merged = torch.zeros_like(self.counts)
        quarter = self.num_bins // 4
        merged[quarter : 3 * quarter] = self.counts.reshape(-1, 2).sum(1)
        self.counts, self.edge = merged, 2 * self.edge

    @property
    def centers(self) -> Tensor:
        width = 2 * self.edge / self.num_bins
        return (torch.arange(self.num_bins, dtype=torch.float64) + 0.5) * width - self.edge

    def candidates(self) -> list[tuple[float, float]]:
        """Ranges to try: the seen one, scaled down in steps of 1 % to half its width."""
        return [(self.low * share / 100, self.high * share / 100) for share in range(100, 49, -1)]

    def quantized_centers(self, low: float, high: float) -> Tensor:
        """What the center of each bin becomes when the range `(low, high)` is quantized."""
        scale, zero_point = activation_qparams(low, high, self.scheme.symmetric, self.scheme.num_bits)
        shift = 0 if zero_point is None else zero_point.item()
        qmin, qmax = activation_range(self.scheme.num_bits)
        codes = (self.centers / scale.item() + shift).round().clamp(qmin, qmax)
        return (codes - shift) * scale.item()

    def range(self) -> tuple[float, float]:
        """The candidate of the lowest `cost`."""
        return min(self.candidates(), key=lambda candidate: self.cost(*candidate))

    def cost(self, low: float, high: float) -> float:
        raise NotImplementedError(f"{type(self).__name__} chooses its range without a cost.")


@register_observer("mse")
class MSEObserver(HistogramObserver):
    """The range whose rounding and clipping have the smallest mean squared error."""

    tried_by_tuning = True

    def cost(self, low: float, high: float) -> float:
        return float((self.counts * (self.quantized_centers(low, high) - self.centers) ** 2).sum())


@register_observer("kl")
class KLObserver(HistogramObserver):
    """The range whose quantized values have the smallest Kullback-Leibler divergence from the original ones.

    The mass of the bins that fall on the same integer is spread evenly over them, and what lies outside is clipped to
    the borders (Migacz, "8-bit inference with TensorRT", 2017). INC 2.X's "kl" was torch's HistogramObserver, which
    minimizes a squared error; that is the observer "mse" here.
    """

    def cost(self, low: float, high: float) -> float:
        inside = (self.centers >= low) & (self.centers <= high) & (self.counts > 0)
        if not inside.any():
            return float("inf")
        reference = self.counts[inside].clone()
        outside_low, outside_high = (self.counts[self.centers < low].sum(), self.counts[self.centers > high].sum())
        reference[0] += outside_low
        reference[-1] += outside_high
        groups = torch.unique(self.quantized_centers(low, high)[inside], return_inverse=True)[1]
        sums = torch.zeros(int(groups.max()) + 1, dtype=torch.float64).index_add_(0, groups, self.counts[inside])
        spread = (sums / torch.bincount(groups))[groups]
        p, q = reference / reference.sum(), spread / spread.sum()
        return float((p * (p / q).log()).sum())


@register_observer("percentile")
class PercentileObserver(HistogramObserver):
    """Clips the outermost values so that 99.99 % of all stay inside, half of the rest on each side."""

    tried_by_tuning = True

    percentile = 0.9999

    def range(self) -> tuple[float, float]:
        share = self.counts.cumsum(0) / self.counts.sum()
        tail = (1 - self.percentile) / 2
        width = 2 * self.edge / self.num_bins
        low = float(self.centers[share > tail][0]) - width / 2
        high = float(self.centers[share >= 1 - tail][0]) + width / 2
        return max(low, self.low), min(high, self.high)
