"""The layers of feed-forward blocks, by name, by shape and by place."""

import pytest
import transformers
from tiny import ENCODER, tiny_model
from torch import nn

from inc_hf.matching.feed_forward import feed_forward_names
from inc_hf.quantize.per_token import is_product


def names_of(model: nn.Module) -> set[str]:
    return feed_forward_names(model, is_product)


def built(class_name: str, config_name: str, **values) -> nn.Module:
    return getattr(transformers, class_name)(getattr(transformers, config_name)(vocab_size=96, **values))


# name -> model, ending of its layers in feed-forward blocks, how many there are
BY_NAME = {
    "bert": (lambda: tiny_model("bert"), ("intermediate.dense", "0.output.dense"), 2),
    "albert": (lambda: tiny_model("albert"), ("ffn", "ffn_output"), 2),
    "vit": (lambda: tiny_model("vit"), ("fc1", "fc2"), 2),
    "gpt2": (lambda: tiny_model("gpt2"), ("mlp.c_fc", "mlp.c_proj"), 2),
    "llama, gated": (lambda: tiny_model("llama"), ("gate_proj", "up_proj", "down_proj"), 3),
    "t5, both parts": (lambda: tiny_model("t5"), ("wi", "wo"), 4),
    "bart, both parts": (lambda: tiny_model("bart"), ("fc1", "fc2"), 4),
}
OTHERS = {
    "gate and up in one": (
        lambda: built("Phi3ForCausalLM", "Phi3Config", **ENCODER, pad_token_id=0),
        ("gate_up_proj", "down_proj"),
        2,
    ),
    "norm beside": (lambda: built("XLNetModel", "XLNetConfig", d_model=16, n_layer=1, n_head=2, d_inner=32),
                    ("layer_1", "layer_2"), 2),
    "an activation of its own": (
        lambda: built("BloomForCausalLM", "BloomConfig", hidden_size=16, n_layer=1, n_head=2),
        ("h_to_4h", "4h_to_h"),
        2,
    ),
    "experts": (
        lambda: built("SwitchTransformersModel", "SwitchTransformersConfig", d_model=16, d_kv=8, d_ff=32, num_heads=2,
                      num_layers=1, num_decoder_layers=1, num_sparse_encoder_layers=1, num_sparse_decoder_layers=0,
                      num_experts=2),
        (".wi", ".wo"),
        None,
    ),
    "heads wider than what they read": (
        lambda: built("Qwen3ForCausalLM", "Qwen3Config", **ENCODER, num_key_value_heads=2, head_dim=16),
        ("gate_proj", "up_proj", "down_proj"),
        3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("make, endings, count", [*BY_NAME.values(), *OTHERS.values()], ids=[*BY_NAME, *OTHERS])
def test_layers_of(make, endings, count):
    names = names_of(make())
    assert names and all(name.endswith(endings) for name in names)
    assert count is None or len(names) == count


def in_module(**children: nn.Module) -> nn.Module:
    return nn.ModuleDict({"inner": nn.ModuleDict(children)})


UP, DOWN = nn.Linear(4, 16), nn.Linear(16, 4)
BY_PLACE = {
    "one after the other": ({"up": UP, "down": DOWN}, {"inner.up", "inner.down"}),
    "gated": (
        {"w1": nn.Linear(4, 16), "w2": DOWN, "w3": nn.Linear(4, 16)},
        {"inner.w1", "inner.w2", "inner.w3"},
    ),
    "query, key, value and output": ({"q": nn.Linear(4, 16), "k": nn.Linear(4, 16), "v": UP, "o": DOWN}, set()),
    "an attention of two": ({"attn": nn.ModuleDict({"kv": UP, "out": DOWN})}, set()),
    "narrow inside": ({"down": DOWN, "up": UP}, set()),
    "square": ({"a": nn.Linear(4, 4), "b": nn.Linear(4, 4)}, set()),
}


@pytest.mark.parametrize("children, expected", BY_PLACE.values(), ids=BY_PLACE)
def test_layers_that_only_their_place_tells(children, expected):
    assert names_of(in_module(**children)) == expected
