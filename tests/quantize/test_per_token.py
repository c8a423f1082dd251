"""Static quantization gives feed-forward products a scale per token, unless the config speaks of their activations."""

import copy
from collections import OrderedDict

import pytest
import torch
from tiny import logits_of, quantized, tiny_inputs, tiny_model
from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.quantization import fit
from inc_hf.quantize import resolve_schemes
from inc_hf.quantize.in_words import model_in_words
from inc_hf.quantize.scheme import ActivationScheme

DYNAMIC = ActivationScheme(dynamic=True, symmetric=True)
NAMES = {  # endings of the feed-forward products
    "bert": ("intermediate.dense", "0.output.dense"),
    "gpt2": ("mlp.c_fc", "mlp.c_proj"),
    "llama": ("gate_proj", "up_proj", "down_proj"),
    "t5": ("wi", "wo"),
    "vit": ("fc1", "fc2"),
}
MATMULS = "Linear|Conv1D|Conv2d"


def per_token(model, **config) -> set[str]:
    schemes = resolve_schemes(model, PostTrainingQuantConfig(**config))
    return {name for name, scheme in schemes.items() if scheme.activation == DYNAMIC}


@pytest.mark.parametrize("approach", ["static", "auto"])
@pytest.mark.parametrize("name", NAMES)
def test_feed_forward_products_have_a_scale_per_token(name, approach):
    model = tiny_model(name)
    found = per_token(model, approach=approach)
    assert found and all(name.endswith(NAMES[model.config.model_type]) for name in found)
    schemes = resolve_schemes(model, PostTrainingQuantConfig(approach=approach))
    assert all(scheme.is_static for name, scheme in schemes.items() if scheme.activation and name not in found)


LAYER = "bert.encoder.layer.0"
SAID = {
    "observer": {"op_type_dict": {MATMULS: {"activation": {"algorithm": "minmax"}}}},
    "observers to tune": {"op_type_dict": {MATMULS: {"activation": {"algorithm": ["minmax", "mse"]}}}},
    "symmetric": {"op_name_dict": {".*dense": {"activation": {"scheme": "sym"}}}},
    "per tensor": {"op_type_dict": {".*": {"activation": {"granularity": "per_tensor"}}}},
    "uint8": {"op_name_dict": {".*": {"activation": {"dtype": "uint8"}}}},
    "smoothed": {"recipes": {"smooth_quant": True, "smooth_quant_args": {"alpha": 0.8}}},
    "smoothed by the default": {"recipes": {"smooth_quant": True}},
    "for ONNX": {"quant_format": "QDQ"},
    "for ONNX, integers": {"quant_format": "QOperator"},
}


@pytest.mark.parametrize("config", SAID.values(), ids=SAID)
def test_what_the_config_says_of_activations_is_obeyed(config):
    assert not per_token(tiny_model("bert"), **config)


def test_what_it_says_of_one_layer_is_of_that_layer():
    settings = {f"{LAYER}.output.dense": {"activation": {"algorithm": "minmax"}}}
    assert per_token(tiny_model("bert"), op_name_dict=settings) == {f"{LAYER}.intermediate.dense"}


UNSAID = {
    "weights": {"op_type_dict": {"Linear": {"weight": {"bits": 6}}}},
    "int8": {"op_type_dict": {"Linear": {"activation": {"dtype": "int8"}}}},
    "7 bits": {"reduce_range": True},
    "one in float": {"op_name_dict": {"classifier": {"weight": {"dtype": "fp32"}}}},
}


@pytest.mark.parametrize("config", UNSAID.values(), ids=UNSAID)
def test_other_settings_leave_it(config):
    assert len(per_token(tiny_model("bert"), **config)) == 2


def test_a_product_in_float_stays_there():
    settings = {".*output.dense": {"weight": {"dtype": "fp32"}}}
    assert per_token(tiny_model("bert"), op_name_dict=settings) == {f"{LAYER}.intermediate.dense"}


@pytest.mark.parametrize("approach, expected", [("dynamic", 8), ("weight_only", 0)])
def test_other_approaches_do_not_mix(approach, expected):
    assert len(per_token(tiny_model("bert"), approach=approach)) == expected


SIZES = {  # with which random weights tell more than their own noise
    "gpt2": {"n_embd": 64},
    "llama": {"hidden_size": 64, "intermediate_size": 128},
    "t5": {"d_model": 64, "d_ff": 128},
    "vit": {"hidden_size": 64, "intermediate_size": 128, "num_labels": 64},
}


@pytest.mark.parametrize("name", SIZES)
def test_the_default_is_no_worse_than_one_scale_for_all(name):
    expected = logits_of(tiny_model(name, **SIZES[name]))
    found, plain = (
        logits_of(quantized(tiny_model(name, **SIZES[name]), "static", **settings).model) - expected
        for settings in ({}, SAID["per tensor"])
    )
    assert found.abs().mean() <= 1.02 * plain.abs().mean()


def test_a_few_tokens_that_are_much_larger_no_longer_hurt_the_others():
    torch.manual_seed(0)
    net = nn.Sequential(OrderedDict(fc1=nn.Linear(32, 64), act=nn.ReLU(), fc2=nn.Linear(64, 32)))
    x = torch.randn(4, 10, 32)
    x[:, 0] *= 50
    expected = net(x)
    found, plain = (
        fit(copy.deepcopy(net), PostTrainingQuantConfig(**settings), calib_dataloader=[x])(x) - expected
        for settings in ({}, SAID["per tensor"])
    )
    assert found[:, 1:].abs().mean() < plain[:, 1:].abs().mean() / 5


WORDS = {
    "static": ("static", {}, "INT8 static, feed-forward per token"),
    "all static": ("static", SAID["per tensor"], "INT8 static"),
    "dynamic": ("dynamic", {}, "INT8 dynamic"),
    "weights": ("weight_only", {}, "INT8 weights only"),
    "4 bits": ("dynamic", {"op_type_dict": {"Linear": {"weight": {"bits": 4}}}}, "INT4 dynamic"),
}


@pytest.mark.parametrize("approach, settings, words", WORDS.values(), ids=WORDS)
def test_in_words(approach, settings, words):
    assert model_in_words(quantized("bert", approach, **settings).model) == words


@pytest.mark.parametrize("name", NAMES)
def test_the_mixture_in_words(name):
    assert model_in_words(quantized(name, "static").model) == "INT8 static, feed-forward per token"


def test_dynamic_elsewhere_is_counted():
    settings = {f"{LAYER}.attention.*": {"activation": {"dtype": "None"}, "weight": {"dtype": "int8"}}}
    words = model_in_words(quantized("bert", "static", op_name_dict=settings).model)
    assert words == "INT8 static, feed-forward per token, 4 of 8 layers with weights only"


def test_what_a_batch_holds_besides_changes_nothing():
    model = quantized("vit", "static").model
    inputs = tiny_inputs(model)
    alone = torch.cat([logits_of(model, {"pixel_values": image[None]}) for image in inputs["pixel_values"]])
    torch.testing.assert_close(alone, logits_of(model, inputs))
