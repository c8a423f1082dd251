from pathlib import PurePath

import libcst as cst
import pytest

from inc_hf.migrate.script.constants import text_constants

KNOWN = {
    '"a" "b"': "ab",
    '"a" + NAME': "aconf.yaml",
    "os.path.join(os.path.dirname(__file__), NAME)": "dir/conf.yaml",
    "os.path.join(os.path.dirname(os.path.abspath(__file__)), 'a', NAME)": "dir/a/conf.yaml",
    "join(dirname(__file__), NAME)": "dir/conf.yaml",
    "str(Path(__file__).parent / NAME)": "dir/conf.yaml",
    "pathlib.Path(__file__).resolve().parent / 'x' / NAME": PurePath("dir/x/conf.yaml"),
    "HERE / NAME": PurePath("dir/conf.yaml"),
}
UNKNOWN = [
    "args.conf",
    "f(NAME)",
    "os.path.join(x, NAME)",
    "TWICE",
    "NAME * 2",
    "Path()",
    "os.path.join(*NAME)",
    "f'{NAME}'",
]


def constants(value):
    text = f"NAME = 'conf.yaml'\nHERE = Path(__file__).parent\nTWICE = 'a'\nTWICE = 'b'\nvalue = {value}\n"
    return text_constants(cst.parse_module(text), "dir/script.py")


@pytest.mark.parametrize("value, result", KNOWN.items(), ids=KNOWN)
def test_known(value, result):
    assert constants(value)["value"] == result


@pytest.mark.parametrize("value", UNKNOWN)
def test_unknown(value):
    assert "value" not in constants(value)
