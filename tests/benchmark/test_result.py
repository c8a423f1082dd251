"""What a benchmark says of its numbers."""

from types import SimpleNamespace

import pytest
from tiny import tiny_model

from inc_hf.benchmark.conclude import AGAIN, _noise_note, conclude
from inc_hf.benchmark.instances import BenchmarkError
from inc_hf.benchmark.measurement import Measurement
from inc_hf.benchmark.result import BenchmarkResult
from inc_hf.benchmark.statistics import Latency, Window
from inc_hf.benchmark.tasks import batches_for


@pytest.mark.parametrize(
    ("noise", "scatter", "speed"),
    [
        (None, None, "3.00×"),
        (0.02, 0.1, "3.00×"),
        (0.2, 0.1, "3.00×"),
        (0.8, 0.1, "too noisy"),
        (0.02, 0.63, "too noisy"),
    ],
    ids=["not known", "quiet", "noisy", "equal models differ", "turns scatter"],
)
def test_no_speed_where_it_would_mean_nothing(noise, scatter, speed):
    measurement = Measurement("int8", Latency.of([0.01, 0.02]), 70.0, 3.0, 1, 0.0, 1, {})
    result = BenchmarkResult([measurement], noise, {"batches": ""}, scatter=scatter)
    assert result.speed_of(measurement) == speed and speed in repr(result)
    assert ("no speed is given" in _noise_note("FP32", noise or 0, scatter or 0)) == (speed == "too noisy")
    assert result.has_speeds or result.is_noisy


def test_below_which_differences_mean_nothing():
    """By twice the difference of equal models, or the scatter of one, whichever is more."""
    assert "Differences below 30%" in _noise_note("FP32", 0.04, 0.3)
    assert "Differences below 40%" in _noise_note("FP32", 0.2, 0.3)


def turn_of(*seconds):
    """One turn of one instance, whose calls take so long."""
    ends = [sum(seconds[: i + 1]) for i in range(len(seconds))]
    return [[Window([end - time for end, time in zip(ends, seconds, strict=True)], ends, [1] * len(seconds))]]


@pytest.mark.parametrize("ours", [(1.0, 1.0, 1.0, 1.0), (1.0, 1.0, 1.0, 21.0)], ids=["even", "one slow call"])
def test_a_speed_that_is_not_that_of_the_times_shown(ours):
    """The figure of a call is the median one, and the speed counts all that was done."""
    instance = SimpleNamespace(peak_rss=1, load_seconds=0.0, facts={"backend": "torch", "bytes": 1})
    first = turn_of(2.0, 2.0, 2.0, 2.0)
    result = conclude(
        dict.fromkeys(("FP32", AGAIN, "int8"), [instance]),
        {"FP32": first, AGAIN: first, "int8": turn_of(*ours)},
        {},
        8,
    )
    assert "int8: 1000.00 ms, " in repr(result) and "× samples per second" in repr(result)
    said = "int8 is 0.33× as fast by samples per second, and 2.00× by the median call"
    assert any(said in note for note in result.notes) == (sum(ours) > 4)


def turn_of_two(apart: float):
    """One turn of two instances, the second of which begins so much later."""
    return [Window([begin, begin + 1], [begin + 1, begin + 2], [1, 1]) for begin in (0.0, apart)]


def test_rounds_whose_instances_ran_apart_do_not_count():
    instances = [SimpleNamespace(peak_rss=1, load_seconds=0.0, facts={"backend": "torch", "bytes": 1})] * 2
    names, together = ("FP32", AGAIN, "int8"), turn_of_two(0.0)
    turns = {name: [together, turn_of_two(5.0), together] for name in names}
    turns["int8"][2] = turn_of_two(2.0)
    result = conclude(dict.fromkeys(names, instances), turns, {}, 8)
    assert [measurement.throughput for measurement in result.measurements] == [2.0, 2.0]
    turns["int8"][0] = turn_of_two(2.0)
    with pytest.raises(BenchmarkError, match="The instances of int8 did not run at the same time; measure for longer"):
        conclude(dict.fromkeys(names, instances), turns, {}, 8)
    turns["int8"][1] = together
    with pytest.raises(BenchmarkError, match="In no round did all instances run at the same time"):
        conclude(dict.fromkeys(names, instances), turns, {}, 8)


@pytest.mark.parametrize(("positions", "length"), [(64, 64), (512, 128)], ids=["fewer", "more"])
def test_a_text_is_no_longer_than_the_model_takes(positions, length, tmp_path):
    tiny_model("bert", max_position_embeddings=positions).save_pretrained(tmp_path)
    (batch,) = batches_for(str(tmp_path), None, None, 1, None)
    assert batch["input_ids"].shape == (1, length)
