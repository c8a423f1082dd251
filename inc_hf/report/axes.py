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

    @property
    def step(self) -> float:
        """From one tick to the next: a round number, of which there are about five."""
        return _round_step((self.high - self.low) / 5)

    def ticks(self) -> list[float]:
        """Round numbers on the axis."""
        first, last = math.ceil(self.low / self.step - 1e-9), math.floor(self.high / self.step + 1e-9)
        return [number * self.step for number in range(first, last + 1)]

    def label(self, tick: float) -> str:
        """A tick with as many digits as tell it from its neighbours."""
        largest, power = max(abs(self.low), abs(self.high)), math.floor(math.log10(self.step) + 1e-9)
        if 1e-3 <= largest < 1e5:
            return f"{tick + 0.0:.{max(0, -power)}f}"
        digits = max(0, math.floor(math.log10(largest)) - power)
        return "0" if abs(tick) < self.step / 2 else f"{tick:.{digits}e}".replace("e-0", "e-").replace("e+", "e")


def _round_step(step: float) -> float:
    """1, 2 or 5 times a power of ten, at least `step`."""
    if not step > 0 or not math.isfinite(step):
        return 1.0
    power = 10 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))
