"""Ties of a model: of weights, and of the biases of a masked LM's head."""

import pytest
import torch
import transformers
from tiny import ENCODER, VOCABULARY, quantized, tiny_model
from torch import nn

from inc_hf import optimize
from inc_hf.checkpoint.ties import check_ties
from inc_hf.runtimes import load_model

HEADS = {
    "bert": ("BertForMaskedLM", "BertConfig", ENCODER),
    "albert": ("AlbertForMaskedLM", "AlbertConfig", {**ENCODER, "embedding_size": 8}),
    "pretraining": ("BertForPreTraining", "BertConfig", ENCODER),
}


@pytest.fixture(params=HEADS)
def model(request):
    class_name, config_name, values = HEADS[request.param]
    config = getattr(transformers, config_name)(vocab_size=VOCABULARY, **values)
    return getattr(transformers, class_name)(config).eval()


@torch.no_grad()
def scores(model):
    return model(input_ids=torch.arange(5, 15)[None])[0]


@pytest.mark.parametrize("format", ["compressed-tensors", "inc"])
def test_a_masked_lm_with_a_tied_bias(model, format, tmp_path):
    float_scores = scores(model)
    result = quantized(model)
    expected = scores(model)
    assert (expected - float_scores).norm() < 0.1 * float_scores.norm()
    result.save_pretrained(tmp_path / "saved", format=format)
    loaded = load_model(type(model), tmp_path / "saved")
    assert torch.equal(scores(loaded), expected)
    # The native call sums in another order, and an activation between two integers may go to the other one.
    assert (scores(optimize(loaded)) - expected).norm() < 0.02 * expected.norm()
    stock = type(model).from_pretrained(tmp_path / "saved").eval()
    # Its dynamic scales are float32 or those of a half type, ours bfloat16.
    assert (scores(stock) - expected).norm() < 0.02 * expected.norm()


def test_weights_that_are_no_longer_tied():
    model = tiny_model("gpt2")
    quantized(model, op_name_dict={"lm_head": {"weight": {"dtype": ["int8"]}}})
    model.lm_head = nn.Linear(16, VOCABULARY)
    with pytest.raises(ValueError, match="share one weight"):
        check_ties(model)
