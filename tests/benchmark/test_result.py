"""What a benchmark says of its numbers."""

import pytest

from inc_hf.benchmark.conclude import _noise_note
from inc_hf.benchmark.measurement import Measurement
from inc_hf.benchmark.result import BenchmarkResult
from inc_hf.benchmark.statistics import Latency


@pytest.mark.parametrize("noise, speed", [(None, "3.00×"), (0.02, "3.00×"), (0.2, "3.00×"), (0.8, "?")])
def test_no_speed_where_it_would_mean_nothing(noise, speed):
    measurement = Measurement("int8", Latency.of([0.01, 0.02]), 70.0, 3.0, 1, 0.0, 1, {})
    result = BenchmarkResult([measurement], noise, {"batches": ""})
    assert result.speed_of(measurement) == speed and speed in repr(result)
    assert ("no speed is given" in _noise_note("FP32", noise or 0, 0.1)) == (speed == "?")
