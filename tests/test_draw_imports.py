"""The drawing of all imports is that of the code."""

from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_drawing_is_up_to_date(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    from draw_imports import PACKAGE, count_imports, matrix

    drawn = (ROOT / "docs" / "imports.md").read_text(encoding="utf-8")
    assert matrix(count_imports(PACKAGE)) in drawn, "run `python scripts/draw_imports.py`"
