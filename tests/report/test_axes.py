"""Round numbers on axes, and places for all values."""

import pytest

from inc_hf.report.axes import Axis
from inc_hf.report.svg import two_ranges

VALUES = {
    "one": [0.5], "none": [], "equal": [3.0, 3.0], "zero": [0.0], "tiny": [1e-9, 2e-9], "huge": [-1e12, 1e12],
    "close": [0.91234, 0.91235], "negative": [-5.0, -1.0],
}  # fmt: skip


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_all_values_have_a_place(values):
    axis = Axis.over(values, 50, 450)
    assert all(50 < axis(value) < 450 for value in values)
    ticks = axis.ticks()
    assert 2 <= len(ticks) <= 12
    assert all(50 <= axis(tick) <= 450 for tick in ticks)
    assert len({axis.label(tick) for tick in ticks}) == len(ticks), "labels tell the ticks apart"


def test_ticks_are_round():
    axis = Axis(0.0, 1.0, 0, 100)
    assert [axis.label(tick) for tick in axis.ticks()] == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]


def test_ranges_keep_their_proportion():
    drawn = two_ranges((-1.0, 1.0), (-0.5, 0.5))
    widths = [float(part.split('"')[0]) for part in drawn.split('width="')[1:]]
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.01)
