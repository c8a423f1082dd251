"""Times of calls that take turns, and how fast the instructions of this CPU are at best."""

import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

PORT_LIMIT = Path(__file__).parents[2] / "kernels" / "tools" / "port_limit.cc"
FLAGS = {
    "avx2": ["-mavx2"],
    "avxvnni": ["-mavx2", "-mavxvnni"],
    "avx512vnni": ["-mavx512f", "-mavx512vnni"],
    "fp32": ["-mavx2", "-mfma", "-DFP32"],
    "fp32 avx512": ["-mavx512f", "-DFP32"],
}
MAX_ROUNDS = 500


def take_turns(calls: dict[str, Callable], seconds: float, warm: bool = False) -> dict[str, list[float]]:
    """Microseconds of every call, one per round. Each round measures all of them once, in an order of its own.

    So a busy neighbour hits all of them, and nobody always comes after the one that empties the caches. With `warm`,
    a call comes after itself.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    shuffle = random.Random(0).shuffle
    for call in calls.values():
        call()
    deadline = time.perf_counter() + seconds
    while len(times[order[0]]) < MAX_ROUNDS and (time.perf_counter() < deadline or len(times[order[0]]) < 3):
        shuffle(order)
        for name in order:
            if warm:
                calls[name]()
            start = time.perf_counter_ns()
            calls[name]()
            times[name].append((time.perf_counter_ns() - start) / 1e3)
    return times


def summary(times: list[float]) -> dict[str, float]:
    """Median and 10th and 90th percentile."""
    deciles = statistics.quantiles(times, n=10, method="inclusive")
    return {"median": round(deciles[4], 3), "p10": round(deciles[0], 3), "p90": round(deciles[8], 3)}


def fp32_limits(threads: list[int]) -> dict[str, float] | None:
    """`instruction_limits` of float multiply-adds in the widest vectors that torch uses here."""
    return instruction_limits(
        "fp32 avx512" if torch.backends.cpu.get_cpu_capability() == "AVX512" else "fp32", threads
    )


def instruction_limits(isa: str, threads: list[int]) -> dict[str, float] | None:
    """Giga multiply-adds per second of that many threads in a loop of nothing else; None without a compiler."""
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None or isa not in FLAGS:
        return None
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/port_limit"
        options = ["-O3", "-std=c++17", "-pthread", *FLAGS[isa]]
        subprocess.run([compiler, *options, PORT_LIMIT, "-o", program], check=True)
        return {str(t): float(subprocess.check_output([program, str(t)])) for t in threads}
