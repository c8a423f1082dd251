"""Checkpoints loaded into another class than they were saved from."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from saved import FORMATS
from tiny import quantized, tiny_inputs, tiny_model
from transformers import AutoModel, BertConfig, BertForMaskedLM

from inc_hf import IncModelForFeatureExtraction, IncModelForSequenceClassification, mix_precision, optimize
from inc_hf.checkpoint import CheckpointError
from inc_hf.config import MixedPrecisionConfig
from inc_hf.errors import UsageError
from inc_hf.quantize.nn import BF16Linear, QLinear


@torch.no_grad()
def hidden_of(model, inputs):
    return model(**inputs)[0]


def checkpoint_of(result, path, **kwargs):
    """Saves it; returns what its base model gives, and for which inputs."""
    result.save_pretrained(path, **kwargs)
    inputs = tiny_inputs(result.model)
    return hidden_of(result.model.base_model, inputs), inputs


CASES = [
    ("bert", "compressed-tensors", "dynamic"),
    ("bart", "compressed-tensors", "static"),
    ("gpt2", "inc", "static"),
]


@pytest.mark.parametrize(("name", "format", "approach"), CASES, ids=[name for name, *_ in CASES])
def test_a_bare_model_from_one_with_a_head_and_saved_again(name, format, approach, tmp_path):
    expected, inputs = checkpoint_of(quantized(name, approach), tmp_path / "head", format=format)
    bare = IncModelForFeatureExtraction.from_pretrained(tmp_path / "head")
    assert torch.equal(hidden_of(bare, inputs), expected)
    bare.save_pretrained(tmp_path / "bare")
    again = IncModelForFeatureExtraction.from_pretrained(tmp_path / "bare")
    assert torch.equal(hidden_of(again, inputs), expected)


def test_a_bare_model_that_stock_transformers_loaded(tmp_path):
    expected, inputs = checkpoint_of(quantized("bert"), tmp_path)
    assert torch.equal(hidden_of(optimize(AutoModel.from_pretrained(tmp_path), encoder=False), inputs), expected)


def test_a_bare_model_in_bfloat16(tmp_path):
    result = mix_precision.fit(tiny_model("bert"), MixedPrecisionConfig())
    expected, inputs = checkpoint_of(result, tmp_path / "head")
    bare = IncModelForFeatureExtraction.from_pretrained(tmp_path / "head")
    assert torch.equal(hidden_of(bare, inputs), expected)
    bare.save_pretrained(tmp_path / "bare")
    again = IncModelForFeatureExtraction.from_pretrained(tmp_path / "bare")
    assert isinstance(again.pooler.dense, BF16Linear) and torch.equal(hidden_of(again, inputs), expected)


def masked_lm():
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    return BertForMaskedLM(BertConfig(vocab_size=96, **sizes)).eval()


@pytest.mark.parametrize("format", FORMATS)
def test_what_the_saved_class_does_not_have_is_float(format, tmp_path):
    expected, inputs = checkpoint_of(quantized(masked_lm()), tmp_path, format=format)
    bare = IncModelForFeatureExtraction.from_pretrained(tmp_path)
    assert torch.equal(hidden_of(bare, inputs), expected)
    assert type(bare.pooler.dense) is torch.nn.Linear  # drawn anew, as transformers says
    assert isinstance(bare.encoder.layer[0].output.dense, QLinear)
    with pytest.raises(UsageError, match="take IncModelForMaskedLM"):  # a head is nothing to draw for inference
        IncModelForSequenceClassification.from_pretrained(tmp_path)


@pytest.mark.parametrize("key", ["output.dense.bias", "output.dense.weight_scale", "output.LayerNorm.weight"])
def test_what_the_saved_class_has_must_be_there(key, tmp_path):
    checkpoint_of(quantized("bert"), tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    del tensors[f"bert.encoder.layer.0.{key}"]
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(CheckpointError, match=key):
        IncModelForFeatureExtraction.from_pretrained(tmp_path)
