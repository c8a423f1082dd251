"""Decoders keep embeddings and output layer in float, unless the config names them; others do not."""

import logging

import pytest
from tiny import quantized, tiny_model
from transformers import MusicgenDecoderConfig, MusicgenForCausalLM

from inc_hf import PostTrainingQuantConfig
from inc_hf.quantize import resolve_schemes
from inc_hf.quantize.nn import quantized_modules

INT8 = {"weight": {"dtype": ["int8"]}}
ENDS = {
    "llama": {"model.embed_tokens", "lm_head"},
    "gpt2": {"transformer.wte", "transformer.wpe", "lm_head"},
    "phi": {"model.embed_tokens", "lm_head"},
}


def of(result):
    return set(quantized_modules(result.model))


@pytest.mark.parametrize("approach", ["dynamic", "static", "weight_only"])
@pytest.mark.parametrize("name", ENDS)
def test_stay_in_float(name, approach, caplog):
    caplog.set_level(logging.INFO, "inc_hf")
    result = quantized(tiny_model(name), approach)
    assert of(result) and not of(result) & ENDS[name]
    assert "in float so that vLLM loads the checkpoint" in str(result.coverage)
    assert not result.coverage.is_low, "everybody leaves them, so that is no warning"


@pytest.mark.parametrize("name", ["bert", "t5"])
def test_of_other_models_are_quantized(name):
    names = of(quantized(tiny_model(name)))
    assert any("embed" in name or "shared" in name for name in names)


def test_a_named_output_layer():
    result = quantized(tiny_model("llama"), op_name_dict={"lm_head": INT8})
    assert "lm_head" in of(result) and "model.embed_tokens" not in of(result)


def test_embeddings_by_their_type():
    result = quantized(tiny_model("llama"), op_type_dict={"Embedding": INT8, "Linear": {"weight": {"bits": 8}}})
    assert "model.embed_tokens" in of(result) and "lm_head" not in of(result), "Linear means the layers of the stack"


def test_of_one_weight_what_is_said_of_one_holds_for_both():
    result = quantized(tiny_model("gpt2"), op_name_dict={"lm_head": INT8})
    assert {"transformer.wte", "lm_head"} <= of(result) and "transformer.wpe" not in of(result)


def test_a_default_for_all_layers_names_none():
    result = quantized(tiny_model("llama"), op_name_dict={"default_qconfig": INT8, r".*\.q_proj": INT8})
    assert of(result) and not of(result) & ENDS["llama"]


def test_an_output_layer_of_several():
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "ffn_dim": 32}
    model = MusicgenForCausalLM(MusicgenDecoderConfig(vocab_size=32, num_codebooks=2, **size))
    assert all(name.startswith("model.decoder.layers") for name in resolve_schemes(model, PostTrainingQuantConfig()))
