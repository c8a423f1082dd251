"""`backend="auto"`, and what is said where a backend is not installed."""

import importlib.util
import shutil

import pytest
from tiny import quantized, tiny_model

from inc_hf import IncModelForSequenceClassification, ops
from inc_hf.backends.onnxruntime import require_export, require_onnxruntime
from inc_hf.export import export_model
from inc_hf.runtimes import RuntimeModel, choose

FILES = ("weights", "both", "onnx")
# Kernels, what is installed -> backend by what the directory holds.
CASES = {
    "kernels": (True, ("onnxruntime", "openvino", "onnx", "onnxscript"), ("torch", "torch", "onnxruntime")),
    "no kernels": (False, ("onnxruntime", "openvino", "onnx", "onnxscript"), ("onnxruntime",) * 3),
    "no writers": (False, ("onnxruntime",), ("torch", "onnxruntime", "onnxruntime")),
    "openvino": (False, ("openvino", "onnx", "onnxscript"), ("openvino",) * 3),
    "nothing": (False, (), ("torch", "torch", None)),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory, onnx_files):
    folders = {name: tmp_path_factory.mktemp(name) for name in FILES}
    model = quantized("bert")
    for name in ("weights", "both"):
        model.save_pretrained(folders[name], overwrite=True)
    for name in ("both", "onnx"):
        model.model.config.save_pretrained(folders[name])
        shutil.copytree(onnx_files("bert", "dynamic")[0].parent, folders[name] / "onnx")
    return folders


@pytest.mark.parametrize("native, installed, expected", CASES.values(), ids=CASES)
def test_what_is_chosen(native, installed, expected, folders, monkeypatch):
    monkeypatch.setattr(ops, "is_native", lambda: native)
    monkeypatch.setattr(choose, "find_spec", lambda name: installed.count(name) or None)
    for name, backend in zip(FILES, expected, strict=True):
        if backend is None:
            with pytest.raises(ImportError, match=r"holds ONNX files only: pip install 'inc-hf\[onnxruntime\]'"):
                choose.choose_backend(folders[name], True)
        else:
            assert choose.choose_backend(folders[name], name != "weights") == backend


def test_auto(folders):
    if ops.is_native():
        model = IncModelForSequenceClassification.from_pretrained(folders["both"], backend="auto")
        assert not isinstance(model, RuntimeModel)
    model = IncModelForSequenceClassification.from_pretrained(folders["onnx"], backend="auto")
    assert model.backend == "onnxruntime"


@pytest.mark.parametrize(
    "missing, require, match",
    [
        ("onnxruntime", require_onnxruntime, r"not installed: pip install 'inc-hf\[onnxruntime\]'"),
        ("onnxscript", require_export, r"pip install 'inc-hf\[onnx\]' \(onnxscript is missing\)"),
    ],
)
def test_extras_that_are_not_installed(missing, require, match, monkeypatch, tmp_path):
    assert importlib.util.find_spec(missing)
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    with pytest.raises(ImportError, match=match):
        require()
    if missing == "onnxscript":
        with pytest.raises(ImportError, match=match):
            export_model(tiny_model("bert"), tmp_path / "none")
        assert not (tmp_path / "none").exists()
