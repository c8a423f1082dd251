"""The line that gives an installation its kernels, by where the installation came from."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from inc_hf.ops import installation

PYTHON = shlex.quote(sys.executable)


def test_of_a_checkout():
    script, python = shlex.split(installation.line_for_kernels())
    assert Path(script) == Path(__file__).parents[2] / "scripts/build_kernels.sh" and Path(script).is_file()
    assert python == sys.executable
    assert installation.why_no_library() == "they are not compiled in this checkout"


def test_of_a_checkout_that_hides_an_installation(tmp_path, monkeypatch):
    """As when a script lies in the checkout, which Python looks into first."""
    (tmp_path / "inc_hf").mkdir()
    (tmp_path / "inc_hf" / "_kernels.so").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert installation.why_no_library().endswith(f"hides the installed copy in {tmp_path}: work in another directory")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """What is asked outside of a checkout, where pip has left this as direct_url.json."""
    monkeypatch.setattr(installation, "ROOT", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def line(direct_url: dict | None) -> str:
        record = tmp_path / "inc_hf-0.1.0.dist-info"
        record.mkdir()
        (record / "METADATA").write_text("Metadata-Version: 2.1\nName: inc-hf\nVersion: 0.1.0\n")
        if direct_url:
            (record / "direct_url.json").write_text(json.dumps(direct_url))
        return installation.line_for_kernels()

    return line


FROM_THE_INDEX = "--no-binary inc-hf inc-hf"
SOURCES = {
    "folder": ({"url": "file:///home/me/inc%20hf", "dir_info": {}}, "file:///home/me/inc%20hf"),
    "archive": (
        {"url": "file:///home/me/inc_hf-0.1.0.tar.gz", "archive_info": {}},
        "file:///home/me/inc_hf-0.1.0.tar.gz",
    ),
    "repository": (
        {"url": "https://example.org/inc_hf.git", "vcs_info": {"vcs": "git", "commit_id": "1234"}},
        "git+https://example.org/inc_hf.git",
    ),
    "wheel": ({"url": "file:///home/me/inc_hf-0.1.0-py3-none-any.whl", "archive_info": {}}, FROM_THE_INDEX),
    "index": (None, FROM_THE_INDEX),
}


@pytest.mark.parametrize("direct_url, source", SOURCES.values(), ids=SOURCES)
def test_of_an_installation(installed, direct_url, source):
    assert installed(direct_url) == f"{PYTHON} -m pip install --force-reinstall --no-deps {source}"
    assert installation.why_no_library() == "this installation was made without them, with INC_HF_BUILD=pure"
