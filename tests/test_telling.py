"""What came out is said by default, and transformers' switches hold for the package, too."""

import logging

import pytest
from transformers.utils import logging as transformers_logging

from inc_hf.telling import NOTICE, LastResort, progress_bar

SAY = """
import logging, os, sys
from transformers.utils import logging as of_transformers
import inc_hf
from inc_hf.telling import NOTICE
{setting}
logger = logging.getLogger("inc_hf.some.room")
for level, text in ((logging.INFO, "info"), (NOTICE, "notice"), (logging.ERROR, "error")):
    logger.log(level, text)
"""


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("", ["notice", "error"]),
        ("of_transformers.set_verbosity_info()", ["info", "notice", "error"]),
        ("of_transformers.set_verbosity_error()", ["error"]),
        ("of_transformers.set_verbosity_error(); of_transformers.set_verbosity_warning()", ["notice", "error"]),
        ("of_transformers.set_verbosity_error(); logging.getLogger('inc_hf').setLevel(logging.INFO)",
         ["info", "notice", "error"]),
        ("logging.basicConfig(level=logging.INFO, format='%(message)s')", ["info", "notice", "error"]),
        ("logging.getLogger('inc_hf').addHandler(logging.NullHandler())", []),
    ],
    ids=["default", "info", "error", "back to default", "own level", "own root", "own handler"],
)  # fmt: skip
def test_as_loud_as_transformers(setting, said, monkeypatch, capsys):
    root, package = logging.getLogger(), logging.getLogger("inc_hf")
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(package, "handlers", [LastResort()])
    before, levels = transformers_logging.get_verbosity(), (root.level, vars(package)["level"])
    package.setLevel(logging.NOTSET)
    root.setLevel(logging.WARNING)
    try:
        exec(SAY.format(setting=setting), {})
    finally:
        transformers_logging.set_verbosity(before)
        root.setLevel(levels[0])
        package.setLevel(levels[1])
    assert capsys.readouterr().err.splitlines() == said


def test_bars_are_hidden_as_those_of_transformers():
    assert not progress_bar(range(1), leave=False).disable
    transformers_logging.disable_progress_bar()
    try:
        assert progress_bar(range(1)).disable
    finally:
        transformers_logging.enable_progress_bar()
    assert progress_bar(range(1), disable=True).disable


@pytest.mark.parametrize(
    ("data", "total"),
    [([1, 2], 2), (iter([1, 2, 3]), 3), ((i for i in range(3)), None), (None, None), ([], 0)],
    ids=["list", "iterator", "generator", "by hand", "empty"],
)
def test_a_bar_has_an_end_where_it_is_known(data, total):
    assert progress_bar(data, leave=False).total == total
    assert progress_bar(total=7, leave=False).total == 7


def test_a_line_has_its_own_place_beside_a_bar(monkeypatch, capsys):
    root, package = logging.getLogger(), logging.getLogger("inc_hf")
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(package, "handlers", [LastResort()])
    with progress_bar(total=2, desc="Training", mininterval=0) as bar:
        bar.update()
        package.log(NOTICE, "Pruned 7 layers")
    before, _, after = capsys.readouterr().err.partition("Pruned 7 layers\n")
    assert before.endswith("\r"), "the bar was wiped from the line"
    assert "Training" in before and "Training" in after
