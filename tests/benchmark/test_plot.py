"""What a plot can be written to; that one is drawn is tested by `inc-hf benchmark`."""

import sys

import pytest

from inc_hf.benchmark.plot import check_plot


def test_endings():
    pytest.importorskip("matplotlib")
    assert [str(check_plot(name)) for name in ("a/b.png", "b.SVG", "c")] == ["a/b.png", "b.SVG", "c"]
    with pytest.raises(ValueError, match=r"a.xyz must end with one of .*png.*, e.g. a.png\."):
        check_plot("a.xyz")


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'inc-hf\[benchmark\]'"):
        check_plot("a.png")
