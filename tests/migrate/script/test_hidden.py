import pytest

from inc_hf.migrate.script.hidden import hide

PLAIN = '''\
"""What it does."""
import os
from torch import quantization  # of torch

x = 1  # one


def load(path):
    with open(path) as file:
        return file.read()


@decorated
def main(args):
    # first
    text = """
a
"""
    if args.tune:
        from neural_compressor import training

        other = 1
        training.fit(model)
        y = 2
    return text
'''
HIDDEN = """\
__inc_hf_hidden_0__
import os
from torch import quantization  # of torch

__inc_hf_hidden_1__


@decorated
def main(args):
    # first
    __inc_hf_hidden_2__
    if args.tune:
        from neural_compressor import training

        __inc_hf_hidden_3__
        training.fit(model)
        __inc_hf_hidden_4__
    __inc_hf_hidden_5__
"""
COMPONENT = """\
from lpot.experimental import Quantization
model = None
q = Quantization("conf.yaml")
model = make()
q.model = model
q.fit()
x = 1
"""
STAYS = {
    "several on a line": "import lpot\nx = 1; y = 2\nif lpot.x: y = 1\n",
    "a broken file": "import lpot\nx = = 1\n",
    "old ends of lines": "import lpot\rx = 1\r",
    "its own words": "import lpot\n__inc_hf_hidden_0__ = 1\n",
    "between uses of a component": COMPONENT.replace("model = None\n", "").removesuffix("x = 1\n"),
}


def test_what_is_left():
    hidden = hide(PLAIN)
    assert hidden.text == HIDDEN
    assert hidden.show(hidden.text) == PLAIN
    assert {"x", "load", "path", "file", "text", "y"} <= hidden.names


def test_what_may_change_a_component_stays():
    assert hide(COMPONENT).text == COMPONENT.replace("model = None", "__inc_hf_hidden_0__").replace(
        "x = 1", "__inc_hf_hidden_1__"
    )


@pytest.mark.parametrize("text", STAYS.values(), ids=STAYS)
def test_what_cannot_be_hidden(text):
    assert hide(text).text == text


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("tail", ["", "\t# é", "\n\n"])
def test_all_bytes_come_back(end, tail):
    text = (PLAIN + "def f():\n\tif x:\n\t\treturn 'é'; # none" + tail).replace("\n", end)
    hidden = hide(text)
    assert len(hidden.parts) > 4 and hidden.show(hidden.text) == text


def test_matches_and_handlers():
    matching = "match x:\n    case 1:\n        y = 1\n    case 2:\n        lpot.x()\n        z = 1\n"
    text = f"import lpot\n{matching}try:\n    a\nexcept E:\n    b\n    lpot.y\n"
    hidden = hide(text)
    assert hidden.parts == ["        y = 1", "        z = 1", "    a", "    b"]
    assert hidden.show(hidden.text) == text
