"""How fast a model is on this machine, in processes that are bound to their cores and take turns."""

from inc_hf.benchmark.fit import fit
from inc_hf.benchmark.instances import BenchmarkError
from inc_hf.benchmark.measurement import Measurement
from inc_hf.benchmark.raw_command import benchmark_with_raw_cmd
from inc_hf.benchmark.result import BenchmarkResult
from inc_hf.benchmark.statistics import Latency

__all__ = ["BenchmarkError", "BenchmarkResult", "Latency", "Measurement", "benchmark_with_raw_cmd", "fit"]
