"""One version, wherever it is asked for."""

import re
from pathlib import Path

import torch
import transformers

import inc_hf
from inc_hf.version import versions

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def test_of_the_distribution():
    """It stands in pyproject.toml once more: the way to read it from a file is just changing in scikit-build-core."""
    (version,) = re.findall(r'^version = "(.*)"$', PYPROJECT.read_text(encoding="utf-8"), re.MULTILINE)
    assert version == inc_hf.__version__


def test_what_a_report_names():
    expected = {"inc_hf": inc_hf.__version__, "torch": torch.__version__, "transformers": transformers.__version__}
    assert list(versions().items()) == list(expected.items())
