import pytest
import torch
from tiny import ENCODER, MODELS, tiny_model
from torch import nn
from transformers import (
    GPTBigCodeConfig,
    GPTBigCodeForCausalLM,
    LxmertConfig,
    LxmertModel,
    MoonshineConfig,
    MoonshineModel,
)

from inc_hf.config import WeightPruningConfig
from inc_hf.matching.families import FAMILIES
from inc_hf.prune.slim import model_slim, parse_auto_slim_config
from inc_hf.prune.slim.cut import cut_heads
from inc_hf.prune.slim.find import find_attentions
from inc_hf.prune.slim.find_ffn import find_feed_forwards
from inc_hf.prune.target import find_targets

ATTENTIONS = {"bart": 3, "whisper": 3}
# Of T5 and MPNet, heads have biases that layers share; those of DeBERTa-v2 meet relative positions that layers share.
ATTENTIONS |= {name: 0 for name, family in FAMILIES.items() if not family.has_separate_heads}


@pytest.mark.parametrize("name", list(MODELS))
def test_tiny_models(name):
    attentions, blocks = find_attentions(tiny_model(name)), find_feed_forwards(tiny_model(name))
    assert len(attentions) == ATTENTIONS.get(name, 1)
    assert {(a.heads, a.units, a.groups, a.head_size) for a in attentions} <= {(2, 2, 1, 8)}
    assert len(blocks) == (2 if name in ("bart", "t5", "whisper") else 1)
    assert {block.width for block in blocks} == {64 if name == "gpt2" else 32}


def test_units_of_grouped_queries():
    (attention,) = find_attentions(tiny_model("llama", num_attention_heads=4, num_key_value_heads=2))
    assert (attention.heads, attention.units, attention.groups, attention.head_size) == (4, 2, 2, 4)
    queries, keys, values = attention.rows(torch.tensor([1]))
    assert queries.tolist() == attention.columns(torch.tensor([1])).tolist() == list(range(8, 16))
    assert keys.tolist() == values.tolist() == list(range(4, 8))


def test_rows_of_one_layer_for_query_key_and_value():
    (attention,) = find_attentions(tiny_model("gpt2"))
    (rows,) = attention.rows(torch.tensor([1]))
    assert rows.tolist() == [*range(8, 16), *range(24, 32), *range(40, 48)]


@pytest.mark.parametrize("name, shape", [("sinks", (2,)), ("query_norm.weight", (16,)), ("gate.weight", (2, 16))])
def test_heads_with_parameters_of_their_own_stay(name, shape):
    model = tiny_model("bert")
    owner, parameter = model.bert.encoder.layer[0].attention.self, nn.Parameter(torch.ones(shape))
    folder, _, leaf = name.rpartition(".")
    if folder:
        owner.add_module(folder, nn.Module())
    owner.get_submodule(folder).register_parameter(leaf, parameter)
    assert not find_attentions(model)


def test_norm_within_heads_does_not_matter():
    model = tiny_model("llama")
    model.model.layers[0].self_attn.q_norm = nn.RMSNorm(8)
    assert len(find_attentions(model)) == 1


def test_heads_with_a_norm_each_stay():
    model = tiny_model("llama")
    model.model.layers[0].self_attn.q_layernorm = nn.ModuleList([nn.RMSNorm(8), nn.RMSNorm(8)])  # as in StableLM
    assert not find_attentions(model)


def test_layers_with_adapters_stay():
    model = tiny_model("bert")

    class Adapted(nn.Linear):
        pass

    model.bert.encoder.layer[0].attention.self.key = Adapted(16, 16)
    model.bert.encoder.layer[0].intermediate.dense = Adapted(16, 32)
    assert not find_attentions(model) and not find_feed_forwards(model)


def in_module(**children):
    module = nn.Module()
    for name, child in children.items():
        module.add_module(name, child)
    return module


def test_norm_over_the_inner_columns():
    assert not find_feed_forwards(in_module(fc1=nn.Linear(4, 8), norm=nn.LayerNorm(8), fc2=nn.Linear(8, 4)))
    assert find_feed_forwards(in_module(fc1=nn.Linear(4, 8), norm=nn.LayerNorm(4), fc2=nn.Linear(8, 4)))


def test_by_shape():
    a, b = nn.Linear(4, 8), nn.Linear(8, 4)
    (block,) = find_feed_forwards(in_module(up=a, act=nn.GELU(), dropout=nn.Dropout(), down=b))
    assert (block.name, block.first, block.second) == ("down", [a], b)
    assert not find_feed_forwards(in_module(up=a, softmax=nn.Softmax(-1), down=b))
    assert not find_feed_forwards(in_module(up=a, down=b))
    assert not find_feed_forwards(in_module(one=nn.Linear(4, 4), act=nn.GELU(), other=nn.Linear(4, 4)))


def test_torch_encoder_layer():
    (block,) = find_feed_forwards(nn.TransformerEncoderLayer(8, 2, 16))
    assert block.name == "linear2" and block.width == 16


def test_pattern_mha_sees_the_heads_that_are_left(make_masked):
    model = model_slim(make_masked("llama", [[0], [1, 2], []], [[], [], []]))
    parts = parse_auto_slim_config(model, mha_sparsity=0.5)
    (config,) = WeightPruningConfig(pruning_configs=parts).merged_configs()
    targets = find_targets(model, config)
    assert [{p.pattern.units(tuple(p.module.weight.shape)) for p in t.parts} for t in targets] == [{3}, {2}, {4}]


def test_heads_that_lie_one_by_one_in_one_layer_stay():
    config = GPTBigCodeConfig(n_embd=16, n_layer=1, n_head=2, vocab_size=96, n_positions=64, multi_query=False)
    model = GPTBigCodeForCausalLM(config)
    assert not find_attentions(model) and len(find_feed_forwards(model)) == 1


def test_attentions_that_ask_the_config_how_many_heads_there_are_stay():
    config = MoonshineConfig(hidden_size=16, encoder_num_hidden_layers=1, decoder_num_hidden_layers=1)
    assert not find_attentions(MoonshineModel(config))


def test_lxmert_is_told_the_size_of_the_heads_that_stay():
    torch.manual_seed(0)
    sizes = {"l_layers": 1, "x_layers": 1, "r_layers": 1, "visual_feat_dim": 8}
    model = LxmertModel(LxmertConfig(**ENCODER, **sizes)).eval()
    inputs = {"visual_feats": torch.randn(1, 3, 8), "visual_pos": torch.rand(1, 3, 4)}
    inputs["input_ids"] = torch.arange(6)[None]
    for attention in find_attentions(model):
        cut_heads(attention, torch.tensor([0]))
    with torch.no_grad():
        assert model(**inputs).language_output.isfinite().all()
