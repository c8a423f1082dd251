"""The recipe is the one that the tables were made with: scripts/recipe/, whose trial `logits` it is."""

import sys
from pathlib import Path

import pytest
from tiny import tiny_model
from transformers import AutoModel

from inc_hf import recipe
from inc_hf.config import WeightPruningConfig
from inc_hf.prune.target import find_targets

SCRIPTS = str(Path(__file__).parents[1] / "scripts")


@pytest.fixture(scope="module")
def trials():
    sys.path.insert(0, SCRIPTS)
    try:
        from recipe import trials as found

        yield found
    finally:
        sys.path.remove(SCRIPTS)


def layers(model, config: WeightPruningConfig) -> list[str]:
    (merged,) = config.merged_configs()
    return [part.name for target in find_targets(model, merged, True) for part in target.parts]


def test_pruning(trials):
    model = tiny_model("bert")
    ours = recipe.pruning_config(model)
    callback, _ = trials.callbacks_of(trials.TRIALS["logits"], model)
    assert layers(model, ours) == layers(model, callback.config) != []
    by_length = {"op_names": [], "excluded_op_names": [], "pruning_frequency": None}
    assert ours.to_dict() | by_length == callback.config.to_dict() | by_length


def test_distillation(trials):
    _, callback = trials.callbacks_of(trials.TRIALS["logits"], tiny_model("bert"))
    assert recipe.distillation_config("teacher").criterion == callback.config.criterion


def test_settings(trials):
    assert recipe.COMPRESSION == trials.TRIALS["logits"].settings(1000)
    assert (recipe.epochs_of(8551), recipe.epochs_of(67349)) == (5, 3)


@pytest.mark.parametrize("name", ["bert", "distilbert", "roberta", "gpt2"])
def test_heads_stay_dense(name):
    found = layers(tiny_model(name), recipe.pruning_config(tiny_model(name)))
    assert found and not any(word in layer for layer in found for word in ("classifier", "pooler", "lm_head"))


def test_a_model_without_a_head():
    model = AutoModel.from_config(tiny_model("bert").config)
    assert recipe.heads_of(model) == [] and layers(model, recipe.pruning_config(model))


@pytest.mark.parametrize(("name", "module"), [("bert", "bert.embeddings"), ("gpt2", "transformer.wte")])
def test_embeddings_are_frozen(name, module):
    model = tiny_model(name)
    recipe.without_embeddings(model)
    frozen = {key for key, weight in model.named_parameters() if not weight.requires_grad}
    assert frozen and all(key.startswith(module) for key in frozen)


def test_more_zeros_than_a_layer_may_have_by_default():
    assert recipe.pruning_config(tiny_model("bert"), target_sparsity=0.99).max_sparsity_ratio_per_op == 0.99
