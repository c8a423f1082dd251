import pytest
from tiny import tiny_model
from torch import nn

from inc_hf.compression.pruner import parse_auto_slim_config
from inc_hf.config import WeightPruningConfig
from inc_hf.prune import prepare


def pruned(model, **settings):
    """A model pruned at once with its auto config, and how many targets that has."""
    parts = parse_auto_slim_config(model, pruning_type="magnitude", pruning_scope="local", **settings)
    pruners = prepare(model, WeightPruningConfig(pruning_configs=parts), 1)
    for pruner in pruners:
        pruner.update(0)
    return [len(pruner.targets) for pruner in pruners]


def test_names_of_bert():
    model = tiny_model("bert", num_hidden_layers=2)
    ffn, mha = parse_auto_slim_config(model, None, ffn2_sparsity=0.25, mha_sparsity=0.5, end_step=7)
    layers = [rf"^bert\.encoder\.layer\.{i}\." for i in range(2)]
    names = [rf"{layer}output\.dense$" for layer in layers]
    assert ffn == {"op_names": names, "pattern": "channelx1", "target_sparsity": 0.25, "end_step": 7}
    assert mha.pop("op_names")[:4] == [
        *(rf"{layers[0]}attention\.self\.{name}$" for name in ("query", "key", "value")),
        rf"{layers[0]}attention\.output\.dense$",
    ]
    assert mha == {"pattern": "mha", "target_sparsity": 0.5, "end_step": 7}


def test_only_what_is_asked_for():
    model = tiny_model("bert")
    assert parse_auto_slim_config(model) == []
    assert [part["pattern"] for part in parse_auto_slim_config(model, ffn2_sparsity=0.5)] == ["channelx1"]
    assert [part["pattern"] for part in parse_auto_slim_config(model, mha_sparsity=0.5)] == ["mha"]


@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert", "vit", "llama", "albert", "opt", "bart"])
def test_heads_by_pattern_mha(name):
    model = tiny_model(name)
    patterns = [part["pattern"] for part in parse_auto_slim_config(model, ffn2_sparsity=0.5, mha_sparsity=0.5)]
    assert patterns == ["channelx1", "mha"]
    blocks, attentions = (2, 3) if name == "bart" else (1, 1)
    assert pruned(model, ffn2_sparsity=0.5, mha_sparsity=0.5) == [blocks, attentions]


@pytest.mark.parametrize("name, values, size", [("gpt2", {}, 8), ("llama", {"num_key_value_heads": 1}, 16)])
def test_heads_by_columns_of_the_output_projection(name, values, size):
    model = tiny_model(name, **values)
    (part,) = parse_auto_slim_config(model, mha_sparsity=0.5)
    assert part["pattern"] == f"channelx{size}" and len(part["op_names"]) == 1
    assert pruned(model, mha_sparsity=0.5) == [1]


def test_errors():
    with pytest.raises(ValueError, match="`mha_sparsity` must be in"):
        parse_auto_slim_config(tiny_model("bert"), mha_sparsity=1.0)
    with pytest.raises(ValueError, match="`mha_sparsity`: T5ForConditionalGeneration has no query"):
        parse_auto_slim_config(tiny_model("t5"), mha_sparsity=0.5)
    with pytest.raises(ValueError, match="`ffn2_sparsity`: Linear has no feed-forward block"):
        parse_auto_slim_config(nn.Linear(2, 2), ffn2_sparsity=0.5)
