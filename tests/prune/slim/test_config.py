import json

import pytest
import torch
from tiny import logits_of
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
    BertConfig,
)

from inc_hf import (
    IncModelForCausalLM,
    IncModelForFeatureExtraction,
    IncModelForImageClassification,
    IncModelForSequenceClassification,
    PostTrainingQuantConfig,
    mix_precision,
)
from inc_hf.compression.pruner import model_slim
from inc_hf.quantization import fit

TEXT = AutoModelForSequenceClassification, IncModelForSequenceClassification
IMAGE = AutoModelForImageClassification, IncModelForImageClassification
CAUSAL = AutoModelForCausalLM, IncModelForCausalLM
CLASSES = {"bert": TEXT, "roberta": TEXT, "distilbert": TEXT, "vit": IMAGE, "gpt2": CAUSAL, "llama": CAUSAL}
CLASSES["grouped"] = CAUSAL
NO_HEADS, HALF = [[], [], []], [list(range(16))] * 3
TWO_HEADS = [[0, 1], [1, 2], [3, 0]]


def saved(model, directory):
    model.save_pretrained(directory)
    return json.loads((directory / "config.json").read_text())


@pytest.mark.parametrize("kind, key", [("bert", "intermediate_size"), ("roberta", "intermediate_size"),
    ("distilbert", "hidden_dim"), ("vit", "intermediate_size"), ("gpt2", "n_inner"), ("llama", "intermediate_size"),
])  # fmt: skip
def test_plain_config_tells_one_width(kind, key, make_masked, tmp_path):
    model = model_slim(make_masked(kind, NO_HEADS, HALF), round_multiplier=8)
    config = saved(model, tmp_path)
    assert config[key] == (48 if kind == "gpt2" else 16) and "inc_hf_slim" not in config
    for loader in CLASSES[kind]:
        assert torch.equal(logits_of(loader.from_pretrained(tmp_path)), logits_of(model))


@pytest.mark.parametrize("kind", ["vit", "llama", "grouped"])
def test_plain_config_tells_heads_where_it_has_a_head_dim(kind, make_masked, tmp_path):
    heads = [[1], [0], [1]] if kind == "grouped" else TWO_HEADS
    model = model_slim(make_masked(kind, heads, HALF), round_multiplier=8)
    config = saved(model, tmp_path)
    assert (config["num_attention_heads"], config["head_dim"], config["intermediate_size"]) == (2, 4, 16)
    assert config.get("num_key_value_heads") == {"vit": None, "llama": 2, "grouped": 1}[kind]
    assert "inc_hf_slim" not in config
    for loader in CLASSES[kind]:
        assert torch.equal(logits_of(loader.from_pretrained(tmp_path)), logits_of(model))


@pytest.mark.parametrize("kind, name", [("bert", "encoder.layer.{}.attention.self"), ("gpt2", "h.{}.attn"),
    ("distilbert", "transformer.layer.{}.attention"), ("roberta", "encoder.layer.{}.attention.self"),
])  # fmt: skip
def test_entry_tells_heads_where_they_change_the_head_size(kind, name, make_masked, tmp_path):
    model = model_slim(make_masked(kind, TWO_HEADS, HALF), round_multiplier=8)
    config = saved(model, tmp_path)
    assert config["inc_hf_slim"] == {"heads": {name.format(i): 2 for i in range(3)}}
    assert config[{"gpt2": "n_head", "distilbert": "n_heads"}.get(kind, "num_attention_heads")] == 4
    plain, ours = CLASSES[kind]
    with pytest.raises(RuntimeError, match="mismatched"):
        plain.from_pretrained(tmp_path)
    assert torch.equal(logits_of(ours.from_pretrained(tmp_path)), logits_of(model))


def test_llama_refuses_heads_that_do_not_divide_the_hidden_size(make_masked, tmp_path):
    model = model_slim(make_masked("llama", [[0], [1], [2]], NO_HEADS))
    assert saved(model, tmp_path)["inc_hf_slim"] == {"heads": {f"layers.{i}.self_attn": 3 for i in range(3)}}
    assert torch.equal(logits_of(IncModelForCausalLM.from_pretrained(tmp_path)), logits_of(model))


@pytest.mark.parametrize("kind", list(CLASSES))
def test_entry_tells_sizes_that_differ(kind, make_masked, tmp_path):
    model = model_slim(make_masked(kind, [[0], [1], []], [HALF[0], [], []]), round_multiplier=8)
    config = saved(model, tmp_path)
    heads, columns = config["inc_hf_slim"]["heads"], config["inc_hf_slim"]["columns"]
    assert list(heads.values()) == ([2, 2] if kind == "grouped" else [3, 3])
    assert list(columns.values()) == [48 if kind == "gpt2" else 16]
    plain, ours = CLASSES[kind]
    with pytest.raises(RuntimeError, match="mismatched"):
        plain.from_pretrained(tmp_path)
    loaded = ours.from_pretrained(tmp_path)
    assert type(loaded) is type(model) and not loaded.training
    assert torch.equal(logits_of(loaded), logits_of(model))
    assert saved(loaded, tmp_path / "again")["inc_hf_slim"] == config["inc_hf_slim"]
    assert torch.equal(logits_of(ours.from_pretrained(tmp_path / "again")), logits_of(model))


@pytest.mark.parametrize("kind", ["bert", "gpt2", "grouped"])
def test_quantized_checkpoint(kind, make_masked, tmp_path):
    model = model_slim(make_masked(kind, [[0], [1], []], HALF), round_multiplier=8)
    quantized = fit(model, PostTrainingQuantConfig(approach="dynamic"))
    quantized.save_pretrained(tmp_path / "int8")
    loaded = CLASSES[kind][1].from_pretrained(tmp_path / "int8")
    assert torch.equal(logits_of(loaded), logits_of(quantized))


@pytest.mark.parametrize("kind", ["bert", "gpt2", "grouped"])
def test_bfloat16_checkpoint(kind, make_masked, tmp_path):
    mixed = mix_precision.fit(model_slim(make_masked(kind, [[0], [1], []], HALF), round_multiplier=8))
    mixed.save_pretrained(tmp_path / "bf16")
    loaded = CLASSES[kind][1].from_pretrained(tmp_path / "bf16")
    assert type(loaded) is type(mixed.model) and torch.equal(logits_of(loaded), logits_of(mixed))


def test_another_head_finds_the_entry(make_masked, tmp_path):
    model = model_slim(make_masked("bert", TWO_HEADS, HALF), round_multiplier=8)
    model.save_pretrained(tmp_path)
    base = IncModelForFeatureExtraction.from_pretrained(tmp_path)
    for one, other in zip(base.encoder.parameters(), model.bert.encoder.parameters(), strict=True):
        assert torch.equal(one, other)


def test_entry_goes_when_it_is_no_longer_needed(make_masked):
    model = make_masked("vit", NO_HEADS, [list(range(16)), list(range(8)), list(range(8))])
    model_slim(model, round_multiplier=8)
    assert model.config.inc_hf_slim == {"columns": {f"layers.{i}.mlp.fc2": [16, 24, 24][i] for i in range(3)}}
    for layer in model.vit.layers[1:]:
        layer.mlp.fc2.weight.data[:, :8] = 0
    model_slim(model, round_multiplier=8)
    assert model.config.intermediate_size == 16 and "inc_hf_slim" not in model.config.to_dict()


@pytest.mark.parametrize("size", [5, 0, "3", None], ids=str)
def test_entry_that_cannot_be(size, make_masked, tmp_path):
    model_slim(make_masked("bert", TWO_HEADS, HALF)).save_pretrained(tmp_path)
    config = BertConfig.from_pretrained(tmp_path)
    config.inc_hf_slim = {"heads": {"encoder.layer.0.attention.self": size}}
    with pytest.raises(
        ValueError, match="`inc_hf_slim` in the config gives `encoder.layer.0.attention.self` the size"
    ):
        IncModelForSequenceClassification.from_pretrained(tmp_path, config=config)
