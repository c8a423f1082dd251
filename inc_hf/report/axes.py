"""From numbers to places in a picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """A stretch of numbers from `low` to `high` over one of the picture from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float, margin: float = 0.06) -> "Axis":
        """One on which all values have a place, with some room around them."""
        low, high = min(values, default=0.0), max(values, default=1.0)
        room = (high - low) * margin or abs(high) * margin or 1.0
        return cls(low - room, high + room, start, end)

    def __call__(self, value: float) -> float:
        """Where a number is."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self, count: int = 5) -> list[float]:
        """Round numbers on the axis, about so many."""
        step = _round_step((self.high - self.low) / count)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]

    def label(self, tick: float) -> str:
        """A tick with as many digits as tell it from its neighbours."""
        step = _round_step((self.high - self.low) / 5)
        if max(abs(self.low), abs(self.high)) >= 1e5 or step < 1e-5:
            return f"{tick:.2g}"
        return f"{tick + 0.0:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"


def _round_step(step: float) -> float:
    """1, 2 or 5 times a power of ten, at least `step`."""
    if not step > 0 or not math.isfinite(step):
        return 1.0
    power = 10 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))
