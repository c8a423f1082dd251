"""Models on other runtimes in the Trainer, and on a Hub."""

import pytest
import torch
from fakehub import run_with_hub
from slow import ONNX
from tiny import quantized, tiny_inputs, tiny_model
from transformers import Trainer, TrainingArguments

from inc_hf.runtimes import from_torch

pytest_plugins = ["hub_fixture"]


def samples(model, count=10):
    inputs = tiny_inputs(model, batch_size=count)
    return [{**{k: v[i] for k, v in inputs.items()}, "labels": torch.tensor(i % 2)} for i in range(count)]


@pytest.mark.parametrize("backend", ["onnxruntime", pytest.param("openvino", marks=pytest.mark.slow(*ONNX))])
def test_evaluate_and_predict(backend, tmp_path):
    pytest.importorskip(backend)
    model = quantized("bert").model
    arguments = TrainingArguments(tmp_path, per_device_eval_batch_size=4, report_to=[], use_cpu=True)
    data = samples(model)
    expected = Trainer(model, arguments, eval_dataset=data).evaluate()
    trainer = Trainer(from_torch(model, backend), arguments, eval_dataset=data)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(expected["eval_loss"], rel=1e-4)
    assert trainer.predict(data).predictions.shape == (10, 2)


def test_it_is_not_trained(tmp_path):
    other = from_torch(tiny_model("bert"), "onnxruntime")
    assert not list(other.parameters()) and other.num_parameters() == 0
    loss = other(**tiny_inputs(other), labels=torch.tensor([0, 1, 1])).loss
    with pytest.raises(RuntimeError, match="does not require grad"):
        loss.backward()


PUSH = """
from huggingface_hub import HfApi, ModelCard
from inc_hf.export.onnx import graph
from tiny import logits_of, quantized, tiny_inputs
from inc_hf import IncModelForSequenceClassification as Model
from inc_hf.runtimes import from_torch

api = HfApi()
graph.LARGEST = 1000  # so that the weights are in a file beside
model = quantized("bert").model
expected = logits_of(model)
other = from_torch(model, "onnxruntime")
assert [path.name for path in other.files] == ["model_quantized.onnx"]
model.push_to_hub("user/onnx")
api.upload_file(path_or_fileobj=b"---\\ntags: [older]\\n---\\n", path_in_repo="README.md", repo_id="user/onnx")
other.push_to_hub("user/onnx", tags=["tiny"])
files = set(api.list_repo_files("user/onnx")) - {".gitattributes"}
assert files == {"config.json", "README.md", "onnx/model_quantized.onnx", "onnx/model_quantized.onnx_data"}
data = ModelCard.load("user/onnx").data
assert data.tags == ["older", "onnx", "inc_hf", "tiny"]
for backend in ("onnxruntime", "openvino", "auto"):
    loaded = Model.from_pretrained("user/onnx", backend=backend)
    assert (loaded(**tiny_inputs(model)).logits - expected).abs().max() < 1e-4
    print(loaded.backend)
other.save_pretrained("here", push_to_hub=True, repo_id="user/saved")
assert Model.from_pretrained("user/saved", backend="onnxruntime").files[0].is_file()
"""


def test_push_and_load(fake_hub, tmp_path):
    pytest.importorskip("openvino")
    assert run_with_hub(fake_hub, PUSH, tmp_path).stdout.split() == ["onnxruntime", "openvino", "onnxruntime"]
