"""A few convolutions do not cost a checkpoint its readers: they stay in float, unless the config speaks of them."""

import json

import pytest
import torch
from tiny import logits_of, quantized, tiny_model
from transformers import AutoModelForImageClassification

from inc_hf.quantize.nn import QConv, quantized_modules

LARGE = {"num_hidden_layers": 2, "hidden_size": 32, "intermediate_size": 512}  # the patches hold 2 % of the weights
INT8 = {"weight": {"dtype": ["int8"]}}
CONV = "vit.embeddings.patch_embeddings.projection"


def format_of(directory):
    return json.loads((directory / "config.json").read_text())["quantization_config"]["quant_method"]


def convolutions(result):
    return [name for name, module in quantized_modules(result.model).items() if isinstance(module, QConv)]


@pytest.mark.parametrize("approach", ["dynamic", "static", "weight_only"])
def test_stay_in_float_and_stock_loads_the_rest(approach, tmp_path):
    pytest.importorskip("compressed_tensors")
    result = quantized(tiny_model("vit", **LARGE), approach)
    assert not convolutions(result) and result.coverage.share > 0.95
    assert "convolutions, in float so that stock transformers loads the checkpoint" in str(result.coverage)
    directory = result.save_pretrained(tmp_path / "out")
    assert format_of(directory) == "compressed-tensors"
    stock = AutoModelForImageClassification.from_pretrained(directory)
    expected = logits_of(result.model)
    assert (logits_of(stock) - expected).abs().max() < 0.05 * expected.abs().max()


@pytest.mark.parametrize(
    "config",
    [{"op_type_dict": {"Conv2d": INT8}}, {"op_name_dict": {CONV: INT8}}],
    ids=["by type", "by name"],
)
def test_are_quantized_on_request(config, tmp_path):
    result = quantized(tiny_model("vit", **LARGE), **config)
    assert convolutions(result) == [CONV]
    assert format_of(result.save_pretrained(tmp_path / "out")) == "inc"


@pytest.mark.parametrize(
    ("values", "config"),
    [
        ({}, {}),
        (LARGE, {"op_type_dict": {"Linear": {"weight": {"bits": 4}}}}),
        (LARGE, {"recipes": {"smooth_quant": True}, "approach": "static"}),
    ],
    ids=["many of the weights", "4 bits", "smoothed"],
)
def test_are_quantized_where_that_costs_nothing(values, config):
    """There are many of them, or stock transformers could not read the rest either."""
    assert convolutions(quantized(tiny_model("vit", **values), **config)) == [CONV]


def test_a_model_of_nothing_else():
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Flatten())
    assert len(convolutions(quantized(net))) == 1
