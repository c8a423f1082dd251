"""Files that belong together are never partly old and partly new."""

import os

import pytest
from folders import fill, names_in

from inc_hf.export.write import _put

BOTH = ["decoder_model_merged.onnx", "encoder_model.onnx"]


def put(tmp_path, old, new, names):
    """Move files of the text "new" over those of the text "old"; returns what is there then."""
    fill(tmp_path / "onnx", old, "old")
    fill(tmp_path / "new", new, "new")
    _put(tmp_path / "new", tmp_path / "onnx", names)
    return {name: (tmp_path / "onnx" / name).read_text() for name in names_in(tmp_path / "onnx")}


def test_weights_of_an_older_file_go(tmp_path):
    found = put(tmp_path, ["model.onnx", "model.onnx_data", "other.onnx"], ["model.onnx"], ["model.onnx"])
    assert found == {"model.onnx": "new", "other.onnx": "old"}


@pytest.mark.parametrize(
    "names, files", [(BOTH, BOTH), (["model.onnx"], ["model.onnx", "model.onnx_data"])], ids=["two graphs", "weights"]
)
def test_killed_between_two_files(names, files, tmp_path, monkeypatch):
    real, calls = os.replace, []

    def killed(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        put(tmp_path, files, files, names)
    left = {name: (tmp_path / "onnx" / name).read_text() for name in names_in(tmp_path / "onnx")}
    assert set(left.values()) == {"new"} and left.keys() != set(files)
    assert names != ["model.onnx"] or list(left) == ["model.onnx_data"], "the graph comes last"
