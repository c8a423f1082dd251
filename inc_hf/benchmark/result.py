"""What a benchmark found: numbers, a table, JSON."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from inc_hf.atomic import write_text
from inc_hf.benchmark.measurement import Measurement
from inc_hf.benchmark.plot import plot

NOISE_LIMIT = 0.03
HOPELESS = 0.25  # where equal models differ by as much, no speed is printed
HOPELESS_SCATTER = 0.5  # or the turns of one model
TOO_NOISY = "too noisy"
UNITS = "latency in ms; samples per second, whose ratio is the speed; disk and peak RSS in MB"


@dataclass
class BenchmarkResult:
    """Models that were measured in turns in one run.

    Args:
        measurements (`list[Measurement]`): the one that the others are compared with first.
        noise (`float`, *optional*): by how much the first model differs from itself, see [`BenchmarkResult.notes`].
        about (`dict[str, str]`): the machine, versions, instances and batches.
        notes (`list[str]`): what to know before believing the numbers.
        scatter (`float`, *optional*): by how much the turns of the first model differ.
        scored_on (`dict`, *optional*): the `metric` of the scores, and what is known of the `dataset`.
    """

    measurements: list[Measurement]
    noise: float | None
    about: dict[str, str]
    notes: list[str] = field(default_factory=list)
    scatter: float | None = None
    scored_on: dict[str, Any] | None = None

    @property
    def is_noisy(self) -> bool:
        """Whether two equal models differed by more than 3 per cent, or there is no speed at all."""
        return (self.noise is not None and self.noise > NOISE_LIMIT) or not self.has_speeds

    @property
    def has_speeds(self) -> bool:
        """Whether times of two models say anything about the models."""
        return (self.noise or 0) <= HOPELESS and (self.scatter or 0) <= HOPELESS_SCATTER

    def speed_of(self, measurement: Measurement) -> str:
        """How many times as many samples per second as the first, or that it would mean nothing."""
        return f"{measurement.speedup:.2f}×" if self.has_speeds else TOO_NOISY

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    def to_json_file(self, path: str | os.PathLike) -> Path:
        """Write everything to `path`, in one go."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(self.to_dict(), indent=1) + "\n")
        return path

    def to_table(self) -> Table:
        """A `rich.table.Table`, one line per model."""
        has_scores = any(m.score is not None for m in self.measurements)
        table = Table(title=self.about["batches"], caption=UNITS, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.add_column("model", min_width=14)
        for name in ("mean", "p50", "p90", "p99", "/s", "speed", "disk", "RSS", *(["score"] * has_scores)):
            table.add_column(name, justify="right", no_wrap=True)
        for m in self.measurements:
            times = [f"{value:.2f}" for value in (m.latency.mean, m.latency.p50, m.latency.p90, m.latency.p99)]
            sizes = [f"{m.bytes / 1e6:.1f}", f"{m.peak_rss / 1e6:.0f}"]
            score = [] if not has_scores else ["–" if m.score is None else f"{m.score:.4f}"]
            table.add_row(m.name, *times, f"{m.throughput:.1f}", self.speed_of(m), *sizes, *score)
        return table

    def plot(self, path: str | os.PathLike) -> Path:
        """Draw latencies, and accuracy against latency where there are scores; see [`inc_hf.benchmark.plot`]."""
        return plot(self.measurements, self.about["batches"], path)

    def __repr__(self) -> str:
        found = ", ".join(f"{m.name}: {m.latency.p50:.2f} ms, {self.speed_of(m)}" for m in self.measurements)
        how = (
            "; ms of the median call, × samples per second, the median of turns" if len(self.measurements) > 1 else ""
        )
        return f"BenchmarkResult({found}{how})"
