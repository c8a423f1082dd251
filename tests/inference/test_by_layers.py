"""Encoders whose weights are not the kernels': their layers run one by one, without padding."""

import copy
import logging
import pickle

import pytest
import torch
from paddings import PADDINGS
from tiny import quantized, tiny_inputs, tiny_model
from torch import nn

from inc_hf import explain, optimize
from inc_hf.inference.encoder.by_layers import ByLayers
from inc_hf.inference.encoder.forward import EncoderForward
from inc_hf.inference.encoder.replace import ONE_BY_ONE, PACKED

BERTS = ["bert", "roberta", "electra", "distilbert", "albert", "mpnet", "modernbert", "nomic_bert", "eurobert"]


def encoder_in(model):
    return model.text_model if hasattr(model, "text_model") else getattr(model, model.base_model_prefix)


def model_of(family):
    more = {"modernbert": {"num_hidden_layers": 3, "local_attention": 6}}  # layers with a window and without
    return tiny_model(family, **more.get(family, {}))


def inputs_of(model, padding="right"):
    mask = torch.tensor(PADDINGS[padding])
    ids = tiny_inputs(tiny_model("bert"))["input_ids"].clone()
    ids[torch.arange(3), [row.nonzero().max() for row in mask]] = 95  # the last real token is pooled by CLIP
    return {"input_ids": ids, "attention_mask": mask}


@pytest.fixture
def rows(monkeypatch):
    """How many rows each call of an encoder had."""
    counts, run = [], ByLayers.run
    monkeypatch.setattr(ByLayers, "run", lambda self, x, *how: counts.append(len(x)) or run(self, x, *how))
    return counts


@torch.no_grad()
def hidden(model, inputs):
    return torch.stack(encoder_in(model)(**inputs, output_hidden_states=True).hidden_states)


@pytest.mark.parametrize("padding", ["none", "right", "left"])
@pytest.mark.parametrize("family", [*BERTS, "clip"])
def test_a_float_model_computes_what_it_did(family, padding, rows):
    model = model_of(family)
    inputs = inputs_of(model, padding)
    real = inputs["attention_mask"].bool()
    expected = hidden(model, inputs)
    assert optimize(model) is model and not any(p.requires_grad is False for p in encoder_in(model).parameters())
    torch.testing.assert_close(hidden(model, inputs)[:, real], expected[:, real], rtol=1e-4, atol=1e-5)
    assert rows == [real.sum()]


def test_weights_in_integers_alone(rows):
    model = quantized("bert", "weight_only").model
    inputs = inputs_of(model)
    real, expected = inputs["attention_mask"].bool(), hidden(model, inputs)
    torch.testing.assert_close(hidden(optimize(model), inputs)[:, real], expected[:, real], rtol=1e-4, atol=1e-5)
    assert rows == [real.sum()]


def test_a_layer_that_was_kept_in_float(rows):
    """Activation functions that its quantized neighbours compute themselves are not computed twice."""
    kept = {"bert.encoder.layer.0.output.dense": {"weight": {"dtype": "fp32"}, "activation": {"dtype": "fp32"}}}
    model = quantized("bert", op_name_dict=kept).model
    inputs = inputs_of(model)
    real, expected = inputs["attention_mask"].bool(), hidden(model, inputs)
    torch.testing.assert_close(hidden(optimize(model), inputs)[:, real], expected[:, real], rtol=1e-3, atol=1e-3)
    assert rows == [real.sum()]
    assert "a Linear is not quantized" in explain(model).encoders[0].why_not_more


def test_training_goes_on(rows):
    model = optimize(tiny_model("bert"))
    inputs = inputs_of(model)
    model(**inputs).logits.sum().backward()
    assert not rows and model.bert.encoder.layer[0].output.dense.weight.grad.abs().sum() > 0
    before = hidden(model, inputs)
    with torch.no_grad():
        model.bert.encoder.layer[0].output.dense.weight.mul_(2)
        model.bert.encoder.layer[0].output.LayerNorm.weight = nn.Parameter(torch.full((16,), 3.0))
    after = hidden(model, inputs)
    assert len(rows) == 2 and (after[-1] - before[-1]).abs().max() > 0.1
    del model.bert.forward
    real = inputs["attention_mask"].bool()
    torch.testing.assert_close(after[:, real], hidden(model, inputs)[:, real], rtol=1e-4, atol=1e-5)


COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda model: pickle.loads(pickle.dumps(model)), "again": optimize}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_copies(copied, rows):
    model = optimize(tiny_model("bert"))
    inputs = inputs_of(model)
    assert torch.equal(hidden(copied(model), inputs), hidden(model, inputs)) and len(rows) == 2


def test_it_is_saved_as_before(tmp_path):
    model = tiny_model("bert")
    for name in ("before", "after"):
        model.save_pretrained(tmp_path / name)
        optimize(model)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("before", "after")]
    assert files[0] == files[1]


STAY = {
    "images": lambda: tiny_model("vit"),
    "a decoder": lambda: tiny_model("opt"),
    "another dtype": lambda: tiny_model("bert").to(torch.bfloat16),
    "a Linear of somebody": lambda: with_another_linear(),
    "no model of transformers": lambda: nn.Sequential(nn.Linear(4, 2)),
}


def with_another_linear():
    model = tiny_model("bert")
    query = model.bert.encoder.layer[0].attention.self.query
    query.__class__ = type("LowRank", (nn.Linear,), {})
    return model


@pytest.mark.parametrize("make", STAY.values(), ids=STAY)
def test_what_stays_as_it_is(make):
    model = make()
    before = [(name, type(m), vars(m).keys() - {"_how_its_encoder_runs"}) for name, m in model.named_modules()]
    assert optimize(model) is model
    after = [(name, type(m), vars(m).keys() - {"_how_its_encoder_runs"}) for name, m in model.named_modules()]
    assert before == after
    (part,) = explain(model).encoders
    assert part.runs_on == ONE_BY_ONE and part.why_not_more


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("opt", "not quantized, and has no encoder that is known here: it stays as it is."),
        ("bert", f"bert: {PACKED}, since a Linear is not quantized and not in bfloat16."),
    ],
)
def test_one_line_says_so(model, words, caplog):
    with caplog.at_level(logging.INFO, "inc_hf"):
        optimize(tiny_model(model))
    (record,) = caplog.records
    assert words in record.getMessage()


def test_it_is_prepared_with_the_layers_in_mind():
    forward = optimize(tiny_model("bert")).bert.forward
    assert isinstance(forward, EncoderForward) and isinstance(forward.prepared(), ByLayers)
