"""Timing a function of the caller, in this process."""

import itertools
import logging
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from inc_hf.benchmark.measurement import Measurement
from inc_hf.benchmark.result import BenchmarkResult
from inc_hf.benchmark.statistics import Latency
from inc_hf.benchmark.worker import peak_rss
from inc_hf.config import BenchmarkConfig
from inc_hf.errors import UsageError
from inc_hf.models.batches import batch_length, batches_of
from inc_hf.quantize.workflow import evaluating, run

logger = logging.getLogger(__name__)


def measure_function(
    model: Any, conf: BenchmarkConfig, b_func: Callable[[Any], Any], seconds: float
) -> BenchmarkResult:
    """Time `b_func(model)`: after `conf.warmup` calls, `conf.iteration` of them or as many as `seconds` have room for.

    A call counts as one sample, unless it returns how many samples it had.

    Raises:
        ValueError: several instances: a function has no form that other processes could load.
    """
    if conf.num_of_instance > 1:
        raise UsageError(
            f"`b_func` runs in this process, but `num_of_instance` is {conf.num_of_instance}; pass a checkpoint "
            "without `b_func`, or run a script several times with `benchmark_with_raw_cmd`."
        )
    before = torch.get_num_threads()
    torch.set_num_threads(conf.intra_num_of_threads or before)
    try:
        for _ in range(conf.warmup):
            b_func(model)
        times, samples = _times(lambda: b_func(model), conf.iteration, seconds)
    finally:
        torch.set_num_threads(before)
    measurement = Measurement(
        name=conf.model_name or getattr(b_func, "__name__", "b_func"),
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


def function_of(model: nn.Module, dataloader: Iterable) -> tuple[nn.Module, Callable[[nn.Module], int], int]:
    """What times a plain module, which has no form that other processes could load: it in evaluation mode, a function
    that calls it with the next batch, and how many batches there are."""
    batches = list(batches_of(dataloader, model, keep_labels=False))
    if not batches:
        raise UsageError("`b_dataloader` is empty; give at least one batch.")
    logger.warning("A %s is timed in this process, since no other could load it.", type(model).__name__)
    following = itertools.cycle(batches)

    def call(model: nn.Module) -> int:
        batch = next(following)
        with torch.no_grad(), evaluating(model):
            run(model, batch)
        return batch_length(batch)

    return model, call, len(batches)


def _times(call: Callable[[], Any], calls: int, seconds: float) -> tuple[list[float], int]:
    times, samples = [], 0
    deadline = time.perf_counter() + seconds
    while not times or (len(times) < calls if calls > 0 else time.perf_counter() < deadline):
        start = time.perf_counter()
        returned = call()
        times.append(time.perf_counter() - start)
        samples += returned if isinstance(returned, int) and not isinstance(returned, bool) else 1
    return times, samples
