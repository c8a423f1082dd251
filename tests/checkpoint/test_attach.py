"""What the savers of transformers and of others write of a quantized model."""

import sys
import types

import pytest
import torch
from saved import method_of
from tiny import logits_of, quantized, tiny_inputs, tiny_model
from torch import nn
from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

from inc_hf import PostTrainingQuantConfig
from inc_hf.checkpoint.attach import pretrained_parts
from inc_hf.quantization import fit
from inc_hf.quantize import convert, prepare, resolve_schemes
from inc_hf.quantize.nn import QLinear, quantized_modules
from inc_hf.runtimes import load_model

FP32 = {"weight": {"dtype": ["fp32"]}}


class Wrapped(nn.Module):
    """A model of transformers inside of another module."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, **inputs):
        return self.inner(**inputs)


def save(model, directory):
    model.save_pretrained(directory)


def save_by_trainer(model, directory):
    Trainer(model, TrainingArguments(str(directory), report_to=[])).save_model(str(directory))


SAVERS = {"save_pretrained": save, "Trainer": save_by_trainer}


@pytest.mark.parametrize("saver", SAVERS.values(), ids=SAVERS)
@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_what_the_saver_of_transformers_writes(saver, name, tmp_path):
    model = tiny_model(name)
    quantized(model)
    expected = logits_of(model)
    saver(model, tmp_path / "saved")
    assert torch.equal(logits_of(load_model(type(model), tmp_path / "saved")), expected)


@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_a_model_that_was_converted_step_by_step(name, tmp_path):
    model = tiny_model(name)
    convert(prepare(model, resolve_schemes(model, PostTrainingQuantConfig(approach="dynamic"))))
    expected = logits_of(model)
    model.save_pretrained(tmp_path / "saved")
    assert torch.equal(logits_of(load_model(type(model), tmp_path / "saved")), expected)


def test_a_model_inside_of_another_module(tmp_path):
    model = Wrapped(tiny_model("bert"))
    assert pretrained_parts(model) == [model.inner] == pretrained_parts(nn.Sequential(model))
    fit(model, PostTrainingQuantConfig(approach="dynamic"))
    expected = logits_of(model.inner)
    model.inner.save_pretrained(tmp_path / "saved")
    assert torch.equal(logits_of(load_model(type(model.inner), tmp_path / "saved")), expected)


@pytest.mark.parametrize("format", ["compressed-tensors", "inc"])
def test_a_head_that_was_replaced_is_saved_as_it_is(format, tmp_path):
    result = quantized("bert")
    result.save_pretrained(tmp_path / "first", format=format)
    for model in (result.model, load_model(type(result.model), tmp_path / "first")):
        model.classifier = nn.Linear(16, 2)
        expected = logits_of(model)
        model.save_pretrained(tmp_path / "second")
        assert method_of(tmp_path / "second") == format
        loaded = load_model(type(model), tmp_path / "second")
        assert torch.equal(logits_of(loaded), expected) and type(loaded.classifier) is nn.Linear


@pytest.mark.parametrize("format", ["compressed-tensors", "inc"])
def test_what_sentence_transformers_loads(format, tmp_path, monkeypatch):
    """It calls `forward`, past the hook that decompresses stock models, and takes the first dtype for that of all."""
    result = quantized("bert")
    expected = logits_of(result.model)
    result.save_pretrained(tmp_path / "saved", format=format)
    monkeypatch.setitem(sys.modules, "sentence_transformers", types.ModuleType("sentence_transformers"))
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved").eval()
    assert isinstance(model.classifier, QLinear) and next(model.parameters()).dtype == torch.float32
    with torch.no_grad():
        assert torch.equal(model.forward(**tiny_inputs(model)).logits, expected)
    model.save_pretrained(tmp_path / "again")
    assert torch.equal(logits_of(load_model(type(model), tmp_path / "again")), expected)


def test_without_it_stock_transformers_loads_its_own_modules(tmp_path):
    quantized("bert").save_pretrained(tmp_path / "saved")
    assert not quantized_modules(AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved"))
