"""Files of a checkpoint that may be there or not."""

from types import SimpleNamespace

import pytest
from huggingface_hub.errors import HfHubHTTPError
from transformers.utils import hub

from inc_hf.models.files import find_file


def test_in_a_directory(tmp_path):
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").write_bytes(b"")
    assert find_file(tmp_path, "onnx/model.onnx") == str(tmp_path / "onnx" / "model.onnx")
    assert find_file(tmp_path, "model.onnx", subfolder="onnx") == str(tmp_path / "onnx" / "model.onnx")
    assert find_file(tmp_path, "vocab.txt") is None


def test_an_error_of_the_hub(monkeypatch):
    """It is no answer to whether the file exists."""

    def download(*args, **kwargs):
        raise HfHubHTTPError("503", response=SimpleNamespace(headers={}, request=None))

    monkeypatch.setattr(hub, "hf_hub_download", download)
    with pytest.raises(OSError, match="specific connection error when trying to load user/model"):
        find_file("user/model", "vocab.txt")
    assert find_file("user/model", "vocab.txt", quiet=True) is None
