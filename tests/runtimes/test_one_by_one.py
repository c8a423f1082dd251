"""The layers of files, one at a time, are those of the loaded model."""

import pytest
from tiny import quantized, tiny_model
from transformers import AutoConfig

from inc_hf import mix_precision
from inc_hf.checkpoint import CheckpointError
from inc_hf.inference.layers import layers_of, measured
from inc_hf.models.tasks import auto_class_of
from inc_hf.quantize.nn import quantized_modules
from inc_hf.runtimes import load_model
from inc_hf.runtimes.check import check_files
from inc_hf.runtimes.one_by_one import layers_in_files

pytest_plugins = ["checkpoint_fixture"]
KEYS = (
    "bert dynamic compressed-tensors", "bert static compressed-tensors", "bert weight_only compressed-tensors",
    "opt dynamic compressed-tensors", "t5 dynamic compressed-tensors", "bert dynamic inc", "gpt2 static inc",
    "vit dynamic inc", "bert 4-bit inc",
)  # fmt: skip


def in_files(directory) -> dict:
    model = check_files(directory, AutoConfig.from_pretrained(directory))
    return measured(layers_in_files(directory, model))


@pytest.mark.parametrize("key", KEYS)
def test_quantized(key, checkpoints):
    directory = checkpoints[key]
    assert in_files(directory) == layers_of(load_model(auto_class_of(directory, None), directory))


@pytest.mark.parametrize("name", ["bert", "gpt2", "opt", "t5", "vit", "convnext", "hubert", "llama"])
def test_float(name, tmp_path):
    """Of ViT and others transformers gives tensors other names in files; heads are tied to embeddings."""
    model = tiny_model(name)
    model.save_pretrained(tmp_path)
    assert in_files(tmp_path) == layers_of(model) != {}


@pytest.mark.parametrize("in_shards", [False, True], ids=["one file", "shards"])
def test_bf16_beside_int8(in_shards, tmp_path):
    left = {"op_name_dict": {".*query": {"weight": {"dtype": "fp32"}, "activation": {"dtype": "fp32"}}}}
    mixed = mix_precision.fit(quantized("bert", **left))
    mixed.save_pretrained(tmp_path / "out")
    if in_shards:
        mixed.model.save_pretrained(tmp_path / "out", max_shard_size="3KB")
        (tmp_path / "out" / "model.safetensors").unlink()
    assert in_files(tmp_path / "out") == layers_of(mixed.model)
    assert len(quantized_modules(mixed.model)) == 10


def test_only_layers_that_are_in_the_files_come(tmp_path):
    model = tiny_model("bert")
    model.save_pretrained(tmp_path)
    larger = check_files(tmp_path, AutoConfig.from_pretrained(tmp_path))
    larger.extra = type(larger.classifier)(4, 4, device="meta")
    assert "extra" not in dict(layers_in_files(tmp_path, larger))


def test_another_shape_is_said(tmp_path):
    """Also where transformers renames tensors, so that nothing else has looked."""
    tiny_model("vit").save_pretrained(tmp_path)
    config = AutoConfig.from_pretrained(tmp_path)
    config.intermediate_size = 64
    with pytest.raises(CheckpointError, match=r"`vit.layers.0.*` in the weights of .* has the shape \(32, 16\), its"):
        dict(layers_in_files(tmp_path, check_files(tmp_path, config)))
