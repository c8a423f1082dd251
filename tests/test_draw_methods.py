"""The pictures of docs/methods/ are those that the script draws, and every page has its own."""

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "methods").glob("*.md"))


def test_committed_pictures_are_those_of_the_script(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    monkeypatch.setattr(sys, "argv", ["draw_methods.py", "--output", str(tmp_path)])
    from draw_methods import main

    main()
    drawn = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert drawn == {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "pictures").iterdir()}
    for text in drawn.values():
        ElementTree.fromstring(text)


def test_the_picture_of_the_engines_is_that_of_its_figures(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    from bench.peers_plot import ENGINES, draw

    figures = ROOT / "benchmarks" / "peers.json"
    draw(json.loads(figures.read_text(encoding="utf-8")), tmp_path / "peers.svg")
    drawn = (tmp_path / "peers.svg").read_text(encoding="utf-8")
    assert drawn == figures.with_suffix(".svg").read_text(encoding="utf-8")
    assert drawn.count("<circle") == len(ENGINES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_its_picture_and_says_when_not(page):
    text = page.read_text(encoding="utf-8")
    assert f"](../pictures/{page.stem}.svg)" in text
    assert "## When not" in text and "```python" in text and "benchmarks/" in text
