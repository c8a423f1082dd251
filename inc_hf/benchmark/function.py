"""Timing a function of the caller: in this process, or several of them at the same time."""

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from inc_hf.benchmark.function_worker import samples_of
from inc_hf.benchmark.measurement import Measurement
from inc_hf.benchmark.result import BenchmarkResult
from inc_hf.benchmark.several import measure_in_processes
from inc_hf.benchmark.statistics import Latency
from inc_hf.benchmark.worker import peak_rss
from inc_hf.config import BenchmarkConfig
from inc_hf.errors import UsageError
from inc_hf.models.batches import batch_length, batches_of
from inc_hf.quantize.workflow import evaluating, run


def measure_function(
    model: Any, conf: BenchmarkConfig, b_func: Callable[[Any], Any], seconds: float, progress: bool = False
) -> BenchmarkResult:
    """Time `b_func(model)`: after `conf.warmup` calls, `conf.iteration` of them or as many as `seconds` have room for.

    A call counts as one sample, unless it returns how many samples it had.

    Raises:
        ValueError: several instances, and other processes cannot load the function or the model.
    """
    name = conf.model_name or getattr(b_func, "__name__", "b_func")
    if conf.num_of_instance > 1:
        return measure_in_processes(model, conf, b_func, name, seconds, progress)
    before = torch.get_num_threads()
    torch.set_num_threads(conf.intra_num_of_threads or before)
    try:
        for _ in range(conf.warmup):
            b_func(model)
        times, samples = _times(lambda: b_func(model), conf.iteration, seconds)
    finally:
        torch.set_num_threads(before)
    measurement = Measurement(
        name=name,
        latency=Latency.of(times),
        throughput=samples / sum(times),
        speedup=1.0,
        peak_rss=peak_rss(),
        load_seconds=0.0,
        bytes=0,
        facts={"backend": "b_func"},
    )
    about = {"batches": "calls of a function in this process", "load before": f"{os.getloadavg()[0]:.2f}"}
    return BenchmarkResult([measurement], None, about)


class Calls:
    """Calls a module with the next of its batches, in evaluation mode; returns how many samples these were."""

    def __init__(self, batches: list[Any], name: str = "batches"):
        self.batches, self.__name__ = batches, name
        self.count = 0

    def __call__(self, model: nn.Module) -> int:
        batch = self.batches[self.count % len(self.batches)]
        self.count += 1
        with torch.no_grad(), evaluating(model):
            run(model, batch)
        return batch_length(batch)


def calls_of(model: nn.Module, dataloader: Iterable) -> Calls:
    """What times a plain module on each batch."""
    batches = list(batches_of(dataloader, model, keep_labels=False))
    if not batches:
        raise UsageError("`b_dataloader` is empty; give at least one batch.")
    return Calls(batches, type(model).__name__)


def _times(call: Callable[[], Any], calls: int, seconds: float) -> tuple[list[float], int]:
    times, samples = [], 0
    deadline = time.perf_counter() + seconds
    while not times or (len(times) < calls if calls > 0 else time.perf_counter() < deadline):
        start = time.perf_counter()
        returned = call()
        times.append(time.perf_counter() - start)
        samples += samples_of(returned)
    return times, samples
