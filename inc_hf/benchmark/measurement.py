"""What was measured of one model."""

from dataclasses import dataclass
from typing import Any

from inc_hf.benchmark.statistics import Latency


@dataclass
class Measurement:
    """One model of a benchmark.

    Args:
        name (`str`): in tables.
        latency ([`Latency`]): of a batch, over all calls of all instances.
        throughput (`float`): samples per second of all instances while all of them ran: the median over the turns.
        speedup (`float`): times as many samples per second as the first model, the median over pairs of turns.
        peak_rss (`int`): bytes of memory of the largest instance, with Python and torch.
        load_seconds (`float`): until the first batch could come, the slowest instance.
        bytes (`int`): of the files of its weights.
        facts (`dict`): what its processes said of themselves, such as the backend, and the ISA of the kernels.
        score (`float`, *optional*): its accuracy, if that was asked for.
        agreement (`float`, *optional*): the share of the same data where it answers as the float model.
    """

    name: str
    latency: Latency
    throughput: float
    speedup: float
    peak_rss: int
    load_seconds: float
    bytes: int
    facts: dict[str, Any]
    score: float | None = None
    agreement: float | None = None
