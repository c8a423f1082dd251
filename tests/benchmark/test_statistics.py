import pytest

from inc_hf.benchmark.reasons import why_slow
from inc_hf.benchmark.statistics import Latency, Window, ratio, spread, throughput


def window(start, calls, length, samples=4):
    starts = [start + i * length for i in range(calls)]
    return Window(starts, [s + length for s in starts], [samples] * calls)


def test_one_instance():
    assert throughput([window(5, 10, 0.1)]) == pytest.approx(40)


def test_two_instances_add_up():
    assert throughput([window(5, 10, 0.1), window(5, 20, 0.05)]) == pytest.approx(40 + 80)


def test_only_the_time_in_which_both_ran_counts():
    """The first is twice as fast while it is alone; what it did then must not be added to what the other does."""
    alone = Window([0, 0.05, 0.1, 0.2, 0.3], [0.05, 0.1, 0.2, 0.3, 0.4], [4] * 5)
    assert throughput([alone, window(0.1, 4, 0.1)]) == pytest.approx(80)
    # Calls that reach over the edge count for the part that is inside.
    assert throughput([window(0, 2, 1.0), window(0.5, 2, 1.0)]) == pytest.approx(8)


def test_instances_that_never_ran_together():
    assert throughput([window(0, 3, 0.1), window(1, 3, 0.1)]) == 0


def test_latency():
    latency = Latency.of(i / 1000 for i in range(1, 101))
    assert (latency.mean, latency.p50, latency.calls) == (pytest.approx(50.5), pytest.approx(50.5), 100)
    assert latency.p90 == pytest.approx(90.1) and latency.p99 == pytest.approx(99.01)
    assert Latency.of([0.002]).p99 == pytest.approx(2.0)


def test_a_neighbour_does_not_move_the_ratio():
    busy = [1.0, 1.0, 3.0, 3.0, 1.0]
    assert ratio([2 * b for b in busy], busy) == 2.0
    assert spread(busy) > 0.5 and spread([1.0]) == 0.0


@pytest.mark.parametrize(
    "facts, tokens, match",
    [
        ({"isa": "reference"}, 1024, "plain-torch reference"),
        ({"isa": "avx2", "vnni": False}, 1024, "at most twice as fast"),
        ({"isa": "avx2", "vnni": False, "weights_only": True}, 1024, "become floats at each call"),
        ({"integer_share": 0.3}, 1024, "Only 30% of its weights"),
        ({"isa": "avx512vnni", "vnni": True}, 8, "A batch of 8 tokens is small"),
        ({"isa": "avx512vnni", "vnni": True}, 1024, "Nothing that we know of"),
        ({"backend": "openvino"}, 1024, "openvino has no fast kernels"),
    ],
)
def test_why_it_is_slow(facts, tokens, match):
    assert match in " ".join(why_slow({"backend": "torch", **facts}, tokens))
