"""Factors of an attention's output product go into the value's output channels, where that changes nothing."""

import pytest
import torch
from tiny import logits_of, quantized, tiny_inputs, tiny_model
from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.quantization import fit
from inc_hf.quantize.fold import fold_factors
from inc_hf.quantize.nn import quantized_modules

SMOOTH = {"smooth_quant": True}
VALUES = {
    "bert": "attention.self.value",
    "distilbert": "v_lin",
    "gpt2": "attn.c_attn",
    "vit": "attention.v_proj",
    "bart": "v_proj",
    "llama": "v_proj",
}
OUTPUTS = {
    "bert": "attention.output.dense",
    "distilbert": "out_lin",
    "gpt2": "attn.c_proj",
    "vit": "attention.o_proj",
    "bart": "out_proj",
    "llama": "o_proj",
}


def outliers(name: str, **values) -> nn.Module:
    """A model with one channel that is much larger than the others between values and output products."""
    model = tiny_model(name, **values)
    for path, module in model.named_modules():
        if path.endswith(VALUES[name]):
            weight = module.weight.data.T if name == "gpt2" else module.weight.data
            weight[-1] *= 40
    return model


def outputs_of(model: nn.Module, name: str) -> list[nn.Module]:
    found = [m for n, m in quantized_modules(model).items() if n.endswith(OUTPUTS[name]) and "mlp" not in n]
    assert found
    return found


@pytest.mark.parametrize("name", OUTPUTS)
def test_output_products_are_smoothed_without_a_factor(name, monkeypatch):
    expected = logits_of(outliers(name))
    folded = quantized(outliers(name), "static", recipes=SMOOTH).model
    assert all(m.smooth_scale is None and m.scheme.smooth_alpha is None for m in outputs_of(folded, name))
    monkeypatch.setattr("inc_hf.tune.quantization_space.fold_factors", lambda model, batch: 0)
    plain = quantized(outliers(name), "static", recipes=SMOOTH).model
    assert all(m.smooth_scale is not None for m in outputs_of(plain, name))
    errors = [float((logits_of(model) - expected).abs().mean() / expected.std()) for model in (folded, plain)]
    assert errors[0] < 1.5 * errors[1] + 1e-3


@pytest.mark.parametrize("settings", [{}, {"num_key_value_heads": 1}], ids=["a head each", "shared heads"])
def test_shared_value_heads_take_no_factors(settings):
    model = quantized(outliers("llama", **settings), "static", recipes=SMOOTH).model
    assert all((m.smooth_scale is None) is (not settings) for m in outputs_of(model, "llama"))


def test_an_explicit_alpha_is_multiplied():
    recipes = {"smooth_quant": True, "smooth_quant_args": {"alpha": 0.8}}
    model = quantized(outliers("bert"), "static", recipes=recipes).model
    assert all(m.smooth_scale is not None for m in outputs_of(model, "bert"))


def test_nothing_is_folded_where_more_lies_between():
    model = outliers("bert")
    attention = model.bert.encoder.layer[0].attention.self
    forward = attention.forward
    attention.forward = lambda *args, **kwargs: (torch.tanh(forward(*args, **kwargs)[0]), None)
    expected = logits_of(model)
    config = PostTrainingQuantConfig(recipes=SMOOTH)
    found = fit(model, config, calib_dataloader=[tiny_inputs(model)]).model
    assert all(m.smooth_scale is not None for m in outputs_of(found, "bert"))
    assert (logits_of(found) - expected).abs().mean() < 0.05 * expected.std()


def test_biases_are_corrected_as_without():
    model = quantized(outliers("bert"), "static", recipes={**SMOOTH, "fast_bias_correction": True}).model
    expected = logits_of(outliers("bert"))
    assert (logits_of(model) - expected).abs().mean() < 0.05 * expected.std()


def test_a_model_without_attention():
    assert fold_factors(nn.Sequential(nn.Linear(2, 2)), torch.ones(1, 2)) == 0
