"""Latencies, throughput of instances that ran at the same time, and how much of a difference is noise."""

import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass
class Window:
    """What one instance did in one turn.

    Args:
        starts, ends (`list[float]`): of each call, in seconds of a clock that all processes share.
        samples (`list[int]`): in each call.
        counted (`int`, *optional*): how many of the calls, from the first on, are those that were asked for; by
            default all. The others only kept the machine busy until all instances were through.
    """

    starts: list[float]
    ends: list[float]
    samples: list[int]
    counted: int | None = None

    def latencies(self) -> list[float]:
        """Seconds of each call that counts."""
        return [end - start for start, end in zip(self.starts, self.ends, strict=True)][: self.counted]


@dataclass
class Latency:
    """Milliseconds of a call: mean, median, 90th and 99th percentile, and of how many calls."""

    mean: float
    p50: float
    p90: float
    p99: float
    calls: int

    @classmethod
    def of(cls, seconds: Iterable[float]) -> "Latency":
        """The percentiles of one value are that value."""
        ms = [1e3 * value for value in seconds]
        cuts = statistics.quantiles(ms, n=100, method="inclusive") if len(ms) > 1 else ms * 99
        return cls(statistics.fmean(ms), cuts[49], cuts[89], cuts[98], len(ms))

    to_dict = asdict


def throughput(windows: list[Window]) -> float:
    """Samples per second of all instances together, in the time in which all of them ran.

    A call that lies partly in that time counts for that part. 0 if there was no such time, as when one instance began
    after another had ended: adding up what each did alone would be a speed that the machine never had.
    """
    begin, end = max(w.starts[0] for w in windows), min(w.ends[-1] for w in windows)
    if end <= begin:
        return 0.0
    done = 0.0
    for window in windows:
        for start, stop, samples in zip(window.starts, window.ends, window.samples, strict=True):
            inside = min(stop, end) - max(start, begin)
            done += samples * max(inside, 0.0) / (stop - start)
    return done / (end - begin)


def ratio(of: list[float], to: list[float]) -> float:
    """How many times as much `of` is as `to`: the median over turns that were taken one after the other.

    A neighbour who comes and goes slows both of a pair, and so does not move their quotient.
    """
    return statistics.median(first / second for first, second in zip(of, to, strict=True))


def spread(values: list[float]) -> float:
    """Half of the distance from the 10th to the 90th percentile, relative to the median; 0 of fewer than two."""
    if len(values) < 2:
        return 0.0
    deciles = statistics.quantiles(values, n=10, method="inclusive")
    return (deciles[8] - deciles[0]) / 2 / deciles[4]
