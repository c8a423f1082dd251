"""Whoever writes a model over an older one leaves nothing of that, and all that is the user's."""

import json
from functools import partial
from pathlib import Path

import pytest
from folders import fill, names_in
from tiny import quantized, tiny_model
from transformers import AutoModelForSequenceClassification

from inc_hf import IncQuantizer, PostTrainingQuantConfig, set_workspace
from inc_hf.commands.main import main
from inc_hf.export.layout import MODEL
from inc_hf.mix_precision import fit as mix
from inc_hf.orchestration import run_stages
from inc_hf.results.compressed import CompressedModel
from inc_hf.runtimes import RuntimeModel
from inc_hf.runtimes.model import on_runtime
from inc_hf.utils.load_huggingface import save_for_huggingface_upstream

pytest_plugins = ["workspace_fixture"]

OLDER = [
    "onnx/model_quantized.onnx", "onnx/decoder_model_merged.onnx_data", "openvino/openvino_model.bin",
    "model-00001-of-00002.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "tf_model.h5",
    "inc_config.json", "generation_config.json", "2_Dense/model.safetensors",
]  # fmt: skip
MINE = ["notes.txt", ".git/HEAD", "checkpoint-5/model.safetensors", "runs/log"]


def quantize(out, **settings):
    config = PostTrainingQuantConfig(approach="dynamic")
    return IncQuantizer.from_pretrained(tiny_model("bert"), **settings).quantize(config, out, overwrite=True)


def on_onnxruntime(out):
    fill(out.parent, ["files/model.onnx"])
    model = tiny_model("bert")
    files = [out.parent / "files" / "model.onnx"]
    model = on_runtime(RuntimeModel, type(model), model.config, "onnxruntime", {MODEL: None}, files)
    model.save_pretrained(out, overwrite=True)


def command(name, out, *arguments):
    tiny_model("bert").save_pretrained(out.parent / "float")
    assert main([name, str(out.parent / "float"), "-o", str(out), "--overwrite", *arguments]) == 0


WRITERS = {
    "save_pretrained": lambda out: quantized("bert").save_pretrained(out, overwrite=True),
    "save": lambda out: quantized("bert").save(out),
    "quantize": quantize,
    "mix_precision": lambda out: mix(tiny_model("bert")).save_pretrained(out, overwrite=True),
    "CompressionManager.save": lambda out: CompressedModel(tiny_model("bert")).save(out),
    "save_for_huggingface_upstream": lambda out: save_for_huggingface_upstream(quantized("bert"), None, out, True),
    "another runtime": on_onnxruntime,
    "run_stages": lambda out: run_stages(tiny_model("bert"), {"one": lambda model, work: None}, out),
    "inc-hf quantize": partial(command, "quantize"),
    "inc-hf convert": partial(command, "convert"),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_every_writer(write, tmp_path):
    out = tmp_path / "new"
    write(out)
    expected = {name for name in names_in(out) if not name.startswith("work/")}
    other = tmp_path / "other"
    folder = other / "1-one" if write is WRITERS["run_stages"] else other
    fill(folder, [*OLDER, *MINE])
    fill(folder, ["README.md"], "---\ntags: [older]\n---\n")
    write(other)
    assert set(names_in(folder)) == {name.removeprefix("1-one/") for name in expected} | set(MINE)
    assert "older" not in "".join(path.read_text() for path in folder.glob("README.md"))


def of_files(folder):
    """A model on another runtime, whose file is not looked at."""
    model = load(folder)
    return on_runtime(RuntimeModel, type(model), model.config, "onnxruntime", {MODEL: None}, [Path("model.onnx")])


def load(folder):
    return AutoModelForSequenceClassification.from_pretrained(folder)


OVER_THE_MODEL = {
    "save_pretrained": lambda at: quantized(load(at)).save_pretrained(at, overwrite=True),
    "save": lambda at: quantized(load(at)).save(at),
    "quantize": lambda at: IncQuantizer.from_pretrained(str(at)).quantize(save_directory=at, overwrite=True),
    "mix_precision": lambda at: mix(load(at)).save_pretrained(at, overwrite=True),
    "CompressionManager.save": lambda at: CompressedModel(load(at)).save(at),
    "save_for_huggingface_upstream": lambda at: save_for_huggingface_upstream(
        quantized(load(at)).model, None, at, overwrite=True
    ),
    "another runtime": lambda at: of_files(at).save_pretrained(at, overwrite=True),
}


@pytest.mark.parametrize("write", OVER_THE_MODEL.values(), ids=OVER_THE_MODEL)
def test_the_model_that_was_loaded_is_not_replaced(write, tmp_path, monkeypatch):
    """Whatever it is called; a result of ours is, and a copy elsewhere."""
    tiny_model("bert").save_pretrained(tmp_path / "float")
    before = {path: path.read_bytes() for path in (tmp_path / "float").iterdir()}
    (tmp_path / "link").symlink_to(tmp_path / "float")
    monkeypatch.chdir(tmp_path)
    for name in (tmp_path / "float", Path("float"), Path("link")):
        with pytest.raises(FileExistsError, match="is where the model was loaded from, and its weights would be lost"):
            write(name)
    assert {path: path.read_bytes() for path in (tmp_path / "float").iterdir()} == before


def test_a_result_is_replaced(tmp_path):
    CompressedModel(tiny_model("bert")).save(tmp_path)
    quantized(load(tmp_path)).save_pretrained(tmp_path, overwrite=True)
    assert "quantization_config" in (tmp_path / "config.json").read_text()


def test_the_workspace_in_the_output_directory(workspace, tmp_path):
    set_workspace(tmp_path / "out")
    result = IncQuantizer.from_pretrained(tiny_model("bert"), eval_fn=lambda model: 1.0).quantize(
        PostTrainingQuantConfig(approach="dynamic"), tmp_path / "out"
    )
    assert {"model.safetensors", "history.json"} < set(names_in(tmp_path / "out"))
    history = json.loads((tmp_path / "out" / "history.json").read_text())
    assert len(history["trials"]) == len(result.trials) == 1
