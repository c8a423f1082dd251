import logging
import re

import pytest
import torch
from pruning_trainer import trainer_of
from tiny import logits_of, tiny_inputs, tiny_model
from torch import nn

from inc_hf import PostTrainingQuantConfig
from inc_hf.compression.pruner import model_slim, parse_auto_slim_config
from inc_hf.config import WeightPruningConfig
from inc_hf.quantization import fit

KINDS = ["bert", "roberta", "distilbert", "vit", "gpt2", "llama", "phi", "grouped"]
UNEVEN = [[1], [], [0]], [[3], [], [0, 1, 2, 5, 31]]  # heads and columns of three layers
EVEN = [[1], [0], [1]], [[0, 1, 2, 3, 8], [4, 5, 6, 7, 9], [3, 10, 12, 13, 14]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("parts", [UNEVEN, EVEN], ids=["uneven", "even"])
def test_logits_stay(kind, parts, make_masked):
    model = make_masked(kind, *parts)
    expected, size = logits_of(model), model.num_parameters()
    assert model_slim(model, round_multiplier=4) is model
    assert model.num_parameters() < size
    torch.testing.assert_close(logits_of(model), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_all_but_one_head_go(kind, make_masked, widths_of):
    last = [0] if kind == "grouped" else [0, 1, 3]
    model = make_masked(kind, [last, last, [0, 1, 2, 3][: 2 if kind == "grouped" else 4]], [slice(None)] * 3)
    expected = logits_of(model)
    model_slim(model, round_multiplier=8)
    torch.testing.assert_close(logits_of(model), expected, atol=1e-5, rtol=0)
    heads = 8 if kind == "grouped" else 4
    for width, *inner in widths_of(model, "llama" if kind == "grouped" else kind):
        assert width == heads and set(inner) == {8}


def test_parameters_by_hand(make_masked):
    model = make_masked("bert", [[1], [0, 2], []], [list(range(8)), [], []])
    size = model.num_parameters()
    model_slim(model, round_multiplier=8)
    head = 4 * (4 * 16) + 3 * 4  # rows of three weights of 16 inputs, columns of the fourth, three biases
    columns = 8 * (16 + 16 + 1)
    assert model.num_parameters() == size - 3 * head - columns


def test_parameters_of_grouped_queries_by_hand(make_masked):
    model = make_masked("grouped", [[1], [], []], [list(range(8)), [], []])
    size = model.num_parameters()
    model_slim(model, round_multiplier=8)
    queries, keys = 2 * 4, 4
    heads = (queries + 2 * keys) * (16 + 1) + 16 * queries
    assert model.num_parameters() == size - heads - 8 * 3 * 16


def test_key_head_stays_with_one_of_its_queries(make_masked, widths_of):
    model = make_masked("grouped", [[1], [], []], [[], [], []])
    model.model.layers[0].self_attn.o_proj.weight.data[:, 8:12] = 0.5  # the first query of the second key
    size = model.num_parameters()
    model_slim(model)
    assert model.num_parameters() == size


@pytest.mark.parametrize(
    "zeros, multiplier, width", [(9, 32, 32), (9, 8, 24), (8, 8, 24), (9, 1, 23), (32, 4, 4), (9, 20, 32)]
)
def test_round_multiplier(zeros, multiplier, width, make_masked, widths_of):
    model = make_masked("vit", [[], [], []], [list(range(zeros)), [], []])
    model_slim(model, round_multiplier=multiplier)
    assert [inner[1:] for inner in widths_of(model, "vit")] == [(width, width), (32, 32), (32, 32)]


def test_largest_of_the_zero_columns_fill_up(make_masked, layer_of):
    model = make_masked("bert", [[], [], []], [list(range(30)), [], []])
    first = layer_of(model, "bert", 0, "intermediate.dense")
    with torch.no_grad():
        first.weight[[7, 2]] += 10
    kept = first.weight[[2, 7, 30, 31]].clone()
    model_slim(model, round_multiplier=4)
    assert torch.equal(layer_of(model, "bert", 0, "intermediate.dense").weight, kept)


def test_uniform_keeps_what_the_fullest_layer_needs(make_masked, widths_of):
    model = make_masked("vit", [[0, 1], [0], [3, 2, 1]], [list(range(16)), list(range(8)), list(range(20))])
    expected = logits_of(model)
    model_slim(model, round_multiplier=4, uniform=True)
    assert widths_of(model, "vit") == [(12, 24, 24)] * 3
    torch.testing.assert_close(logits_of(model), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_slimming_twice_changes_nothing(kind, make_masked):
    model = model_slim(make_masked(kind, *UNEVEN), round_multiplier=4)
    state, config = {k: v.clone() for k, v in model.state_dict().items()}, model.config.to_dict()
    model_slim(model, round_multiplier=4)
    assert model.config.to_dict() == config
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items()) and len(model.state_dict()) == len(
        state
    )


def test_dense_model_stays_as_it_is(caplog):
    model = tiny_model("gpt2")
    parameters, config = dict(model.named_parameters()), model.config.to_dict()
    state = torch.random.get_rng_state()
    model_slim(model)
    assert all(p is parameters[name] for name, p in model.named_parameters()) and model.config.to_dict() == config
    assert torch.equal(state, torch.random.get_rng_state())
    ours = [r for r in caplog.records if r.name.startswith("inc_hf") and r.levelno >= logging.WARNING]
    assert [record.getMessage() for record in ours] == [
        "Nothing was removed: no head and no feed-forward column is zero as a whole; prune with the `pruning_configs` "
        "of `parse_auto_slim_config(model, ffn2_sparsity=…, mha_sparsity=…)` before."
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "0 heads and 4 feed-forward columns are zero.*multiples of 32.*smaller `round_multiplier`"),
        ({"round_multiplier": 1, "uniform": True}, "since all layers are to keep as many.*`uniform=False`"),
    ],
)
def test_zeros_that_stay_are_told_with_what_would_remove_them(settings, words, caplog):
    model = tiny_model("bert", num_hidden_layers=2)
    with torch.no_grad():
        model.bert.encoder.layer[0].output.dense.weight[:, :4] = 0
    model_slim(model, **settings)
    assert re.search(words, caplog.text)


def test_what_was_cut_is_told(caplog):
    model = tiny_model("bert")
    with torch.no_grad():
        model.bert.encoder.layer[0].output.dense.weight[:, :16] = 0
    with caplog.at_level(logging.INFO):
        model_slim(model, round_multiplier=1)
    assert re.search(r"Cut layers that hold \d+.\d % of .* weights", caplog.text)
    assert str(model.coverage) in caplog.text
    assert "WARNING" not in caplog.text


@pytest.mark.parametrize("kind", ["gpt2", "llama", "phi", "grouped"])
def test_generate_with_cache(kind, make_masked):
    model = make_masked(kind, *UNEVEN)
    settings = {"max_new_tokens": 8, "do_sample": False, "pad_token_id": 0}
    ids = tiny_inputs(model)["input_ids"]
    expected = model.generate(ids, **settings)
    model_slim(model, round_multiplier=4)
    assert torch.equal(model.generate(ids, **settings), expected)
    assert torch.equal(model.generate(ids, use_cache=False, **settings), expected)


@pytest.mark.parametrize("kind", ["bert", "gpt2", "grouped"])
def test_gradient_step(kind, make_masked):
    model = make_masked(kind, *UNEVEN)
    frozen = next(name for name, _ in model.named_parameters() if "layer" in name or ".h." in name)
    model.get_parameter(frozen).requires_grad_(False)
    model_slim(model, round_multiplier=4)
    before = logits_of(model)
    model(**tiny_inputs(model)).logits.square().sum().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert without == [frozen]
    torch.optim.SGD(model.parameters(), 1e-3).step()
    assert not torch.equal(logits_of(model), before)


@pytest.mark.parametrize("kind", ["bert", "vit", "gpt2", "grouped"])
def test_quantized_after_slimming(kind, make_masked):
    model = model_slim(make_masked(kind, *UNEVEN), round_multiplier=4)
    expected = logits_of(model)
    quantized = fit(model, PostTrainingQuantConfig(approach="dynamic"))
    torch.testing.assert_close(logits_of(quantized), expected, atol=0.1, rtol=0.1)
    with pytest.raises(ValueError, match="slim it first"):
        model_slim(quantized.model)


def test_pruned_in_training_then_slimmed(tmp_path):
    model = tiny_model("bert", num_hidden_layers=2, num_attention_heads=4)
    steps = {"start_step": 2, "end_step": 8, "pruning_frequency": 2}
    parts = parse_auto_slim_config(model, ffn2_sparsity=0.5, mha_sparsity=0.5, **steps)
    trainer, _ = trainer_of(tmp_path, WeightPruningConfig(pruning_configs=parts), model)
    size = model.num_parameters()
    trainer.train()
    model.eval()
    expected = logits_of(model)
    model_slim(model, round_multiplier=1)
    torch.testing.assert_close(logits_of(model), expected, atol=1e-5, rtol=0)
    assert model.num_parameters() == size - 4 * (16 * 16 + 12) - 32 * 33  # half of eight heads and of 64 columns


def test_says_when_a_plain_config_cannot_tell(make_masked, caplog):
    with caplog.at_level(logging.WARNING):
        model_slim(make_masked("bert", *EVEN), round_multiplier=4)
    assert "cannot say how many heads its layers have now" in caplog.text and "IncModelFor" in caplog.text


def test_model_of_no_library():
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))
    net[2].weight.data[:, ::2] = 0
    x = torch.randn(3, 4)
    expected = net(x)
    model_slim(net, round_multiplier=1)
    assert net[0].weight.shape == (4, 4) and net[0].out_features == net[2].in_features == 4
    torch.testing.assert_close(net(x), expected)


def test_errors():
    with pytest.raises(ValueError, match="nothing to slim: no query, key, value and output projection"):
        model_slim(nn.Sequential(nn.Linear(4, 4)))
    with pytest.raises(ValueError, match="`round_multiplier` must be 1 or more, got 0"):
        model_slim(tiny_model("bert"), round_multiplier=0)
