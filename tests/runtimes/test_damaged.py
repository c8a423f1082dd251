"""Files that are truncated, foreign or of another model: an error that says so, from each runtime."""

import shutil

import onnx
import pytest
import torch
from onnx import TensorProto, helper
from tiny import quantized, tiny_model

from inc_hf import IncModelForSequenceClassification, IncModelForTokenClassification
from inc_hf.export.onnx import export_onnx

BACKENDS = ["onnxruntime", "openvino"]


@pytest.fixture(scope="module")
def good(tmp_path_factory, onnx_files):
    folder = tmp_path_factory.mktemp("good")
    quantized("bert").model.config.save_pretrained(folder)
    shutil.copytree(onnx_files("bert", "dynamic")[0].parent, folder / "onnx")
    return folder


@pytest.fixture(params=BACKENDS)
def load(request, good, tmp_path):
    """Calls `damage` with the path of the file in a copy, and loads that."""
    pytest.importorskip(request.param)

    def load(damage, model_class=IncModelForSequenceClassification):
        folder = shutil.copytree(good, tmp_path / "model")
        damage(folder / "onnx" / "model_quantized.onnx")
        return model_class.from_pretrained(folder, backend=request.param)

    return load


@pytest.mark.parametrize("length", [0, 10, 300, -100])
def test_truncated(length, load):
    with pytest.raises(ValueError, match="(ONNX Runtime|OpenVINO) cannot load .*model_quantized.onnx"):
        load(lambda path: path.write_bytes(path.read_bytes()[:length]))


def test_no_onnx_at_all(load):
    with pytest.raises(ValueError, match="(ONNX Runtime|OpenVINO) cannot load .*model_quantized.onnx"):
        load(lambda path: path.write_text("<html>404</html>"))


def foreign(path):
    """Valid, but of something else."""
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("a", "b")]
    graph = helper.make_graph([helper.make_node("Neg", ["a"], ["b"])], "g", value[:1], value[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


def test_another_model(load):
    with pytest.raises(ValueError, match=r"was not made of a BertForSequenceClassification, which has no a, b; write"):
        load(foreign)


def unknown_operator(path):
    model = onnx.load(path)
    model.graph.node[0].op_type, model.graph.node[0].domain = "Nothing", "com.example"
    onnx.save(model, path)


def test_an_unknown_operator(load):
    with pytest.raises(ValueError, match="(ONNX Runtime|OpenVINO) cannot load (.|\n)*Nothing"):
        load(unknown_operator)


def test_weights_that_are_not_beside_the_file(tmp_path, monkeypatch):
    from inc_hf.export.onnx import graph

    monkeypatch.setattr(graph, "LARGEST", 1000)
    model = tiny_model("bert")
    model.config.save_pretrained(tmp_path)
    (tmp_path / "onnx").mkdir()
    ids = {"input_ids": torch.ones(2, 4, dtype=torch.long)}
    path = export_onnx(model, ids, tmp_path / "onnx" / "model.onnx")
    path.with_name("model.onnx_data").unlink()
    for backend in BACKENDS:
        with pytest.raises(ValueError, match="cannot load .*model.onnx"):
            IncModelForSequenceClassification.from_pretrained(tmp_path, backend=backend)


def test_a_model_class_that_the_file_is_not_of(load):
    """The logits of a sequence are not those of tokens: only the number of dimensions tells."""
    with pytest.raises(ValueError, match="was not made of a BertForTokenClassification: its logits have 2 dimensions"):
        load(lambda path: None, IncModelForTokenClassification)
