import logging

import pytest
import torch
from pruning import Net, gradients_of, pruners_of, run
from tiny import TinyNet, tiny_inputs, tiny_model
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from inc_hf.config import WeightPruningConfig
from inc_hf.prune.target import find_targets, head_of


def targets_of(model, **settings):
    settings = {"pruning_type": "magnitude", "pattern": "1x1", **settings}
    return [t.name for t in find_targets(model, WeightPruningConfig(**settings).merged_configs()[0])]


BERT = [
    "bert.encoder.layer.0.attention.self.query",
    "bert.encoder.layer.0.attention.self.key",
    "bert.encoder.layer.0.attention.self.value",
    "bert.encoder.layer.0.attention.output.dense",
    "bert.encoder.layer.0.intermediate.dense",
    "bert.encoder.layer.0.output.dense",
    "bert.pooler.dense",
]


def test_every_layer_but_the_head(caplog):
    assert targets_of(tiny_model("bert")) == BERT
    assert "`classifier` is the model's head and stays dense; name it in `op_names` to prune it" in caplog.text


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"op_names": ["classifier"]}, ["classifier"]),
        ({"op_names": ["self.(query|key)"]}, BERT[:2]),
        ({"op_names": ["query", "pooler"]}, [BERT[0], BERT[6]]),
        ({"excluded_op_names": ["attention", "pooler"]}, BERT[4:6]),
        ({"op_names": ["layer.0"], "excluded_op_names": ["dense$"]}, BERT[:3]),
    ],
)
def test_selection_by_name(settings, names):
    assert targets_of(tiny_model("bert"), **settings) == names


def test_selection_by_type():
    assert targets_of(Net(), pruning_op_types=["Conv"]) == ["conv", "conv2d", "second"]
    assert targets_of(Net(), pruning_op_types=["Linear"]) == ["first"]
    # The head is the last of all layers, not of those that may be pruned.
    assert targets_of(tiny_model("vit"), pruning_op_types=["Conv"]) == ["vit.embeddings.patch_embeddings.projection"]
    assert targets_of(tiny_model("gpt2"))[:2] == ["transformer.h.0.attn.c_attn", "transformer.h.0.attn.c_proj"]


@pytest.mark.parametrize(
    ("name", "head"),
    [("bert", "classifier"), ("roberta", "classifier.out_proj"), ("distilbert", "classifier"), ("gpt2", "lm_head")]
    + [("opt", "lm_head"), ("t5", "lm_head"), ("bart", "lm_head"), ("vit", "classifier")],
)
def test_heads_of_models(name, head):
    assert head_of(tiny_model(name)) == head


def test_a_stack_of_layers_has_no_head():
    assert head_of(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))) is None


def test_names_that_hit_nothing(caplog):
    with pytest.raises(ValueError, match="`op_names` 'quary' matches no layer; did you mean"):
        targets_of(torch.nn.ModuleDict({"query": torch.nn.Linear(2, 2)}), op_names=["quary"])
    targets_of(tiny_model("bert"), op_names=["query", "LayerNorm"])  # one list often serves several models
    assert "`op_names` 'LayerNorm' matches no layer" in caplog.text
    targets_of(tiny_model("bert"), excluded_op_names=["embeddings", "classifer"])
    assert "`excluded_op_names` 'classifer' matches no module; did you mean 'classifier'?" in caplog.text
    assert "'embeddings'" not in caplog.text


def test_layers_whose_weight_is_computed_stay_dense_with_a_word(caplog):
    model = nn.Sequential(weight_norm(nn.Linear(4, 4)), nn.Linear(4, 4), nn.Linear(4, 2))
    assert "0" not in targets_of(model)
    assert "so they stay dense: 0. Remove it before" in caplog.text


def test_nothing_left_to_prune():
    with pytest.raises(ValueError, match="No layer can be pruned .* looked at none; see `op_names`"):
        targets_of(TinyNet())
    with pytest.raises(ValueError, match="'7x7': looked at conv, conv2d"):
        targets_of(Net(), pattern="7x7")


def test_one_warning_names_all_layers_that_do_not_fit(caplog):
    caplog.set_level(logging.WARNING)
    assert targets_of(Net(), pattern="1x16", op_names=["."], excluded_op_names=["head"]) == ["first"]
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [
        "The pattern 1x16 does not fit, so these stay dense: conv (8, 4, 2), conv2d (4, 1, 2, 4), second (8, 16)."
    ]


# model -> the layers of each attention, in the order of query, key, value and output
ATTENTIONS = {
    "bert": [
        ["bert.encoder.layer.0.attention." + n for n in ("self.query", "self.key", "self.value", "output.dense")]
    ],
    "distilbert": [["distilbert.transformer.layer.0.attention." + n for n in ("q_lin", "k_lin", "v_lin", "out_lin")]],
    "opt": [["model.decoder.layers.0.self_attn." + n for n in ("q_proj", "k_proj", "v_proj", "out_proj")]],
    "albert": [
        [
            f"albert.encoder.albert_layer_groups.0.albert_layers.0.attention.{n}"
            for n in ("query", "key", "value", "dense")
        ]
    ],
    "deberta": [
        [
            f"deberta.encoder.layer.0.attention.{n}"
            for n in ("self.query_proj", "self.key_proj", "self.value_proj", "output.dense")
        ]
    ],
    "mpnet": [["mpnet.encoder.layer.0.attention.attn." + n for n in "qkvo"]],
    "llama": [["model.layers.0.self_attn." + n for n in ("q_proj", "k_proj", "v_proj", "o_proj")]],
    "phi": [["model.layers.0.self_attn." + n for n in ("q_proj", "k_proj", "v_proj", "dense")]],
    "t5": [
        [f"{place}.{n}" for n in "qkvo"]
        for place in (
            "encoder.block.0.layer.0.SelfAttention",
            "decoder.block.0.layer.0.SelfAttention",
            "decoder.block.0.layer.1.EncDecAttention",
        )
    ],
    "bart": [
        [f"model.{place}.{n}_proj" for n in ("q", "k", "v", "out")]
        for place in ("encoder.layers.0.self_attn", "decoder.layers.0.self_attn", "decoder.layers.0.encoder_attn")
    ],
}


@pytest.mark.parametrize("name", ATTENTIONS)
def test_heads_are_pruned_as_a_whole(name):
    """Half of the heads of all attentions, those of the lowest mean of |weight * gradient|."""
    model = tiny_model(name).train()
    (pruner,) = pruners_of(model, pattern="mha", pruning_type="snip", end_step=1, max_sparsity_ratio_per_op=1.0)
    inputs = tiny_inputs(model)
    torch.manual_seed(0)
    model(**inputs).logits.square().sum().backward()
    pruner.collect(0)
    layers = [[model.get_submodule(n) for n in names] for names in ATTENTIONS[name]]
    size, scores = 8, {}
    for i, attention in enumerate(layers):
        for head in range(2):
            rows = slice(head * size, (head + 1) * size)
            products = [(layer.weight * layer.weight.grad).abs() for layer in attention]
            cut = [*(product[rows] for product in products[:3]), products[3][:, rows]]
            scores[i, head] = torch.stack([c.mean() for c in cut]).mean().item()
    assert pruner.update(1)
    pruned = sorted(scores, key=scores.get)[: len(layers)]
    for i, attention in enumerate(layers):
        for head in range(2):
            rows = slice(head * size, (head + 1) * size)
            cut = [*(layer.weight[rows] for layer in attention[:3]), attention[3].weight[:, rows]]
            assert {bool((c == 0).all()) for c in cut} == {(i, head) in pruned}, (i, head)


@pytest.mark.parametrize(
    "name, values",
    [
        ("bert", "bert.encoder.layer.0.attention.self.value"),
        ("mpnet", "mpnet.encoder.layer.0.attention.attn.v"),
        ("deberta", "deberta.encoder.layer.0.attention.self.value_proj"),
    ],
    ids=["bert", "mpnet", "deberta"],
)
def test_a_pruned_head_says_nothing(name, values):
    model = tiny_model(name)
    (pruner,) = pruners_of(model, pattern="mha", pruning_type="magnitude")
    pruner.update(0)
    inputs = tiny_inputs(model)
    before = model(**inputs).logits
    mask = next(iter(pruner.masks.values()))
    (head,) = (~mask).nonzero().flatten().tolist()
    with torch.no_grad():
        model.get_submodule(values).bias[head * 8 : head * 8 + 8] += 1
    torch.testing.assert_close(model(**inputs).logits, before)


def test_shared_heads_of_key_and_value_do_not_fit(caplog):
    with pytest.raises(ValueError, match="No layer can be pruned with the pattern 'mha'"):
        targets_of(tiny_model("llama", num_key_value_heads=1), pattern="mha")
    assert "The pattern mha does not fit, so these stay dense: model.layers.0.self_attn" in caplog.text


def test_an_excluded_projection_keeps_its_attention():
    assert targets_of(tiny_model("t5"), pattern="mha", excluded_op_names=["^decoder.*k$"]) == [
        "encoder.block.0.layer.0.SelfAttention"
    ]


def test_gradients_reach_all_layers_of_the_network_of_these_tests():
    model = Net()
    gradients_of(model, 0)
    run(model, pruners_of(model, pruning_type="snip", end_step=2), range(3))
    assert all(p.grad is not None for p in model.parameters())
