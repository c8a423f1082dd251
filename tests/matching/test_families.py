"""The rows name what the models have, and all who read them find the same layers."""

import runpy

import pytest
from tiny import MODELS, quantized, tiny_model
from torch import nn

from inc_hf.inference import fuse, share
from inc_hf.inference.share import share_inputs
from inc_hf.matching import feed_forward
from inc_hf.matching.families import FAMILIES, Family, resolve_name
from inc_hf.prune import target
from inc_hf.prune.slim import find
from inc_hf.prune.slim.find import find_attentions
from inc_hf.prune.target import find_heads

# Of each family a model, where `tests/tiny.py` has none of its name.
OTHERS = {
    "t5 1.1": lambda: tiny_model("t5", feed_forward_proj="gated-gelu"),
    "torch.nn.TransformerEncoderLayer": lambda: nn.TransformerEncoderLayer(8, 2, 16),
}


def holders(model, names):
    """The modules that have all these layers under these names."""
    modules = dict(model.named_modules())
    return {name for name in modules if all(resolve_name(name, child) in modules for child in names)}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_row_names_what_its_model_has(name):
    family = FAMILIES[name]
    model = OTHERS[name]() if name in OTHERS else tiny_model(name)
    assert holders(model, (*family.first, family.second))
    assert not family.projections or holders(model, (*family.projections, family.output))
    if family.activation:
        assert holders(model, (family.first[0].rpartition(".")[2], family.activation))


@pytest.mark.parametrize("name", FAMILIES)
def test_only_one_layer_has_an_activation_of_its_own(name):
    assert not FAMILIES[name].activation or len(FAMILIES[name].first) == 1


@pytest.mark.parametrize("name", [name for name in MODELS if name != "gpt2"])
def test_all_find_the_same_attentions(name):
    model = tiny_model(name)
    pruned = {target.name for target in find_heads(model, {name for name, _ in model.named_modules()})}
    shared = {names[0].rpartition(".")[0] for names in share_inputs(quantized(name).model) if len(names) == 3}
    assert shared == pruned
    assert {attention.name for attention in find_attentions(model)} in (pruned, set())


@pytest.mark.parametrize(
    "name, child, full",
    [("a.b", "c.d", "a.b.c.d"), ("a.b", "../c", "a.c"), ("a", "../c", "c"), ("", "c", "c")],
    ids=["child", "sibling", "at the top", "of the model"],
)
def test_names_from_a_module(name, child, full):
    assert resolve_name(name, child) == full


TABLES = [(find, "ATTENTIONS"), (feed_forward, "NAMED"), (fuse, "FUSED"), (share, "SIBLINGS")]
TABLES += [(target, "ATTENTIONS")]


@pytest.mark.parametrize("module, table", TABLES, ids=["slimming", "feed-forward", "fusing", "sharing", "pruning"])
@pytest.mark.parametrize(
    "family", [Family(("a", "b", "c"), "d"), Family(first=("a",), second="b")], ids=["attention", "feed-forward"]
)
def test_a_row_may_leave_parts_out(family, module, table, monkeypatch):
    """What the modules make of the rows, when they are imported."""
    monkeypatch.setattr("inc_hf.matching.families.FAMILIES", {"new": family})
    for names in runpy.run_path(module.__file__)[table]:
        assert names and all(names)
