"""What is pushed comes back with the same bits, through a Hub on loopback, in a process that only loads."""

import copy
import json

import pytest
import torch
from distilling import kd
from fakehub import run_with_hub
from pruning_trainer import Sentences, arguments
from tiny import logits_of, quantized, tiny_inputs, tiny_model, tiny_tokenizer
from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

from inc_hf import mix_precision, optimize
from inc_hf.callbacks import DistillationCallback, PruningCallback, QuantizationAwareTrainingCallback
from inc_hf.config import DistillationConfig, WeightPruningConfig
from inc_hf.runtimes import from_torch

pytest_plugins = ["hub_fixture"]

LOAD = """
import json
from pathlib import Path
import torch
from transformers import AutoModelForSequenceClassification as Auto

torch.set_num_threads(1)
inputs = {name: torch.tensor(rows) for name, rows in json.loads(Path("inputs.json").read_text()).items()}

@torch.no_grad()
def logits(model):
    return model(**inputs).logits.tolist()

wanted = json.loads(Path("wanted.json").read_text())
found = {"stock": {key: logits(Auto.from_pretrained(*key.split("@")[:1], revision=key.partition("@")[2] or None))
                   for key in wanted["stock"]}}
import inc_hf
load = inc_hf.IncModelForSequenceClassification.from_pretrained
found["auto"] = {name: logits(inc_hf.optimize(Auto.from_pretrained(name))) for name in wanted["auto"]}
found["inc"] = {name: logits(load(name)) for name in wanted["inc"]}
found["onnx"] = {name: logits(load(name, backend="onnxruntime")) for name in wanted["onnx"]}
print(json.dumps(found))
"""
SLOW = pytest.mark.slow("inc_hf/callbacks", "inc_hf/checkpoint", "inc_hf/results", "inc_hf/runtimes")


def sparse(share: float):
    """As many blocks of 4x1 are zero in each layer."""
    model = tiny_model("bert")
    generator = torch.Generator().manual_seed(3)
    for layer in model.bert.encoder.layer.modules():
        if isinstance(layer, torch.nn.Linear):
            kept = torch.rand(layer.out_features // 4, layer.in_features, generator=generator) >= share
            layer.weight.data *= kept.repeat_interleave(4, dim=0)
    return model


def trained(folder, *callbacks, **values):
    trainer = Trainer(
        tiny_model("bert"),
        TrainingArguments(**arguments(folder, **values)),
        train_dataset=Sentences(),
        eval_dataset=Sentences(8),
        callbacks=list(callbacks),
        processing_class=tiny_tokenizer(),
    )
    trainer.train()
    return trainer


def loaded(hub, tmp_path, wanted):
    """What each of the names gives in a fresh process, by who loads it."""
    inputs = {name: rows.tolist() for name, rows in tiny_inputs(tiny_model("bert")).items()}
    (tmp_path / "inputs.json").write_text(json.dumps(inputs))
    (tmp_path / "wanted.json").write_text(json.dumps({"stock": [], "auto": [], "inc": [], "onnx": [], **wanted}))
    found = json.loads(run_with_hub(hub, LOAD, tmp_path).stdout.splitlines()[-1])
    return {who: {name: torch.tensor(rows) for name, rows in each.items()} for who, each in found.items()}


@SLOW
def test_all_formats(logged_in, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("compressed_tensors")
    onnx = from_torch(quantized("bert").model, "onnxruntime")
    results = {
        "dense": quantized("bert"),
        "static": quantized("bert", "static"),
        "sparse-80": quantized(sparse(0.8)),
        "sparse-90": quantized(sparse(0.9)),
        "bf16": mix_precision.fit(tiny_model("bert")),
        "qat": trained(tmp_path / "run", QuantizationAwareTrainingCallback()),
    }
    expected = {f"user/{name}": logits_of(result.model.eval()) for name, result in results.items()}
    fast = {f"user/{name}": logits_of(optimize(copy.deepcopy(result.model))) for name, result in results.items()}
    for name, result in results.items():
        part = result.model if name == "qat" else result  # as users of a Trainer have it
        part.push_to_hub(f"user/{name}")
    onnx.push_to_hub("user/onnx")
    names = list(expected)
    found = loaded(logged_in, tmp_path, {"stock": names, "auto": names, "inc": names, "onnx": ["user/onnx"]})
    for name in names:
        assert torch.equal(found["inc"][name], expected[name]), name
        # In float, an activation may be rounded the other way, and products of bfloat16 are.
        torch.testing.assert_close(found["stock"][name], expected[name], atol=0.02, rtol=0.02)
        if name != "user/bf16":  # which AutoModel loads in float32, inc_hf or not
            assert torch.equal(found["auto"][name], fast[name]), name
    assert torch.equal(found["onnx"]["user/onnx"], logits_of(onnx))


@SLOW
def test_what_a_trainer_pushes_while_it_trains(logged_in, tmp_path):
    """Every commit loads plainly, with stock transformers, and is the checkpoint of its step."""
    teacher = tiny_model("bert")
    callbacks = (
        PruningCallback(WeightPruningConfig(target_sparsity=0.5, start_step=0, end_step=3)),
        DistillationCallback(DistillationConfig(teacher, kd())),
        QuantizationAwareTrainingCallback(),
    )
    hub = {"push_to_hub": True, "hub_model_id": "user/run", "hub_always_push": True, "hub_private_repo": True}
    trainer = trained(tmp_path / "run", *callbacks, max_steps=6, save_strategy="steps", save_steps=2, **hub)
    trainer.push_to_hub()
    repo = logged_in.repos["user/run"]
    commits = {sha: files for sha, files in repo.commits.items() if "model.safetensors" in files}
    assert repo.private and len(commits) >= 3
    wanted = {"stock": [f"user/run@{sha}" for sha in commits], "inc": ["user/run"]}
    found = loaded(logged_in, tmp_path, wanted)
    steps = [tmp_path / "run" / f"checkpoint-{step}" for step in (2, 4, 6)]
    saved = {path: (path / "model.safetensors").read_bytes() for path in steps}
    for sha, files in commits.items():
        path = next((path for path, weights in saved.items() if weights == files["model.safetensors"]), None)
        if path is not None:
            expected = logits_of(AutoModelForSequenceClassification.from_pretrained(path))
            assert torch.equal(found["stock"][f"user/run@{sha}"], expected)
    # Steps may be faster than uploads, which then take the next checkpoint; but never a part of one.
    final = logged_in.files("user/run")["model.safetensors"]
    assert {files["model.safetensors"] for files in commits.values()} <= {*saved.values(), final}
    assert torch.equal(found["inc"]["user/run"], logits_of(trainer.model.eval()))
    config = json.loads(logged_in.files("user/run")["config.json"])
    assert config["quantization_config"]["quant_method"] == "compressed-tensors"
    assert config["inc_training"].keys() == {"pruning", "distillation", "quantization"}
