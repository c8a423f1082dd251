"""A checkpoint for vLLM: what scripts/check_vllm.py loads there has this form."""

import json

import pytest
from tiny import tiny_model, tiny_tokenizer

from inc_hf import IncQuantizer, PostTrainingQuantConfig
from inc_hf.quantize.nn import quantized_modules


def quantizer(name):
    return IncQuantizer.from_pretrained(tiny_model(name), tokenizer=tiny_tokenizer())


def saved_config(directory):
    return json.loads((directory / "config.json").read_text())["quantization_config"]


@pytest.mark.parametrize("name", ["bert", "distilbert", "llama"])
@pytest.mark.parametrize("approach", ["dynamic", "static"])
def test_only_the_stack_is_quantized_per_token_or_tensor(name, approach, tmp_path):
    config = PostTrainingQuantConfig(approach=approach)
    quantizer(name).quantize(config, tmp_path / "out", ["a good film"] * 4, runtime="vllm")
    saved = saved_config(tmp_path / "out")
    assert saved["quant_method"] == "compressed-tensors"
    for group in saved["config_groups"].values():
        assert group["weights"]["num_bits"] == 8 and group["weights"]["strategy"] == "channel"
        assert group["input_activations"]["strategy"] in ("token", "tensor"), "vLLM has no groups"
        assert "Embedding" not in group["targets"]
    assert saved["ignore"] and not any(part.isdigit() for name in saved["ignore"] for part in name.split("."))


REFUSED = {
    "weights only": ({"approach": "weight_only"}, "quantize activations to 8 bits"),
    "few bits": ({"op_type_dict": {"Linear": {"weight": {"bits": 6}}}}, "quantize weights to 8 bits per channel"),
    "per tensor": (
        {"op_type_dict": {"Linear": {"weight": {"granularity": "per_tensor"}}}},
        "quantize weights to 8 bits per channel",
    ),
    "smoothed": ({"approach": "static", "recipes": {"smooth_quant": True}}, "leave out `smooth_quant`"),
}


@pytest.mark.parametrize("config, message", REFUSED.values(), ids=REFUSED)
def test_what_vllm_cannot_run_is_refused(config, message, tmp_path):
    conf = PostTrainingQuantConfig(**{"approach": "dynamic", **config})
    with pytest.raises(ValueError, match=message):
        quantizer("bert").quantize(conf, tmp_path / "out", ["a good film"] * 4, runtime="vllm")
    assert not (tmp_path / "out").exists()


def test_other_layers_than_linear_are_refused():
    with pytest.raises(ValueError, match="`transformer.h.0.attn.c_attn` in float .* is no Linear"):
        quantizer("gpt2").quantize(runtime="vllm")


@pytest.mark.parametrize("wrong", [{"runtime": "tgi"}, {"runtime": "vllm", "format": "inc"}], ids=str)
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match="vllm"):
        quantizer("bert").quantize(**wrong)


FLOAT = {"weight": {"dtype": ["fp32"]}}
INT8 = {"weight": {"dtype": ["int8"]}}
UNHEARD = {
    "the head by name": ({"op_name_dict": {"lm_head": INT8}}, "`op_name_dict` key 'lm_head' asks for `lm_head`"),
    "embeddings by type": ({"op_type_dict": {"Embedding": INT8}}, "'Embedding' asks for `model.embed_tokens`"),
    "7 bits": ({"reduce_range": True}, "reduce_range"),
    "one of three in float": (
        {"op_name_dict": {r".*\.q_proj": FLOAT}},
        "`model.layers.0.self_attn.q_proj`, `.*k_proj` and `.*v_proj` are one layer in vLLM",
    ),
    "one of two otherwise": (
        {"approach": "static", "op_name_dict": {r".*\.up_proj": {"activation": {"algorithm": ["kl"]}}}},
        "`model.layers.0.mlp.gate_proj` and `model.layers.0.mlp.up_proj` are one layer in vLLM",
    ),
}


@pytest.mark.parametrize("config, message", UNHEARD.values(), ids=UNHEARD)
def test_no_wish_is_passed_over(config, message, tmp_path):
    asked = quantizer("llama")
    conf = PostTrainingQuantConfig(**{"approach": "dynamic", **config})
    with pytest.raises(ValueError, match=message):
        asked.quantize(conf, tmp_path / "out", ["a good film"] * 4, runtime="vllm")
    assert not (tmp_path / "out").exists() and not quantized_modules(asked.model)


def test_wishes_that_vllm_can_fulfil(tmp_path):
    wishes = {
        "op_name_dict": {r".*\.(q|k|v)_proj": FLOAT, "lm_head": FLOAT, "default_qconfig": INT8},
        "op_type_dict": {"Linear": {"weight": {"bits": 8}}, "Embedding": FLOAT},
    }
    result = quantizer("llama").quantize(
        PostTrainingQuantConfig(approach="dynamic", **wishes), tmp_path, runtime="vllm"
    )
    names = set(quantized_modules(result.model))
    assert names and not any(name.endswith(("q_proj", "lm_head", "embed_tokens")) for name in names)


def test_a_search_that_parts_what_vllm_joins_is_refused_before_it_is_saved(tmp_path):
    def evaluate(model):  # `down_proj` and one of the two before it are back in float when the goal is met
        return 0.0 if sum(name.endswith(("up_proj", "gate_proj")) for name in quantized_modules(model)) == 2 else 1.0

    asked = quantizer("llama")
    asked.eval_fn = evaluate
    with pytest.raises(ValueError, match="are one layer in vLLM"):
        asked.quantize(save_directory=tmp_path / "out", runtime="vllm")
    assert not (tmp_path / "out").exists()
