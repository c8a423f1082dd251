import logging

import pytest
import torch
from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.matching.patterns import match_types
from inc_hf.quantize import resolve
from inc_hf.quantize.nn import op_type
from inc_hf.quantize.resolve import resolve_schemes
from inc_hf.quantize.scheme import ActivationScheme, Scheme, WeightScheme

DYNAMIC = ActivationScheme(num_bits=8, dynamic=True, symmetric=True)
STATIC = ActivationScheme(num_bits=8, dynamic=False, symmetric=False, observer="minmax")
ROWS = Scheme(WeightScheme(8), None)
MATMULS = ["patch", "blocks.0.query", "blocks.0.key", "blocks.1.query", "blocks.1.key", "mix", "wave", "head"]


@pytest.fixture(autouse=True)
def cpu_with_vnni(monkeypatch):
    monkeypatch.setattr(resolve, "default_weight_bits", lambda: 8)


def schemes(model, reached=None, data=True, **config):
    return resolve_schemes(model, PostTrainingQuantConfig(**config), reached, data)


@pytest.mark.parametrize(
    "approach, data, activation",
    [
        ("static", True, STATIC),
        ("static", False, STATIC),
        ("dynamic", True, DYNAMIC),
        ("auto", True, STATIC),
        ("auto", False, DYNAMIC),
        ("weight_only", True, None),
    ],
    ids=["static", "static, no data", "dynamic", "auto with data", "auto without", "weight_only"],
)
def test_approaches(model, approach, data, activation):
    found = schemes(model, data=data, approach=approach)
    expected = dict.fromkeys(["words", "labels"], ROWS) | dict.fromkeys(MATMULS, Scheme(WeightScheme(8), activation))
    assert found == expected


def test_the_order_is_that_of_the_model(model):
    assert list(schemes(model)) == ["words", *MATMULS, "labels"]


def test_the_model_is_left_as_it_is(model):
    before = {name: (type(m), m.training, len(m._forward_pre_hooks)) for name, m in model.named_modules()}
    schemes(model, approach="static")
    assert {n: (type(m), m.training, len(m._forward_pre_hooks)) for n, m in model.named_modules()} == before


@pytest.mark.parametrize("reduce_range, cpu, bits", [(True, 8, 7), (False, 7, 8), (None, 7, 7), (None, 8, 8)])
def test_reduce_range(monkeypatch, model, reduce_range, cpu, bits):
    monkeypatch.setattr(resolve, "default_weight_bits", lambda: cpu)
    found = schemes(model, reduce_range=reduce_range)
    assert {found[name].weight.num_bits for name in MATMULS} == {bits}
    # Embeddings are never multiplied, and activations keep 8 bits.
    assert found["words"] == ROWS and found["head"].activation == STATIC


def test_reached_modules_and_their_order(model):
    reached = {"head": 2, "words": 2, "blocks.1.key": 3, "norm": 3, "gone": 1}
    assert list(schemes(model, reached)) == ["head", "words", "blocks.1.key"]


def test_nothing_reached(model):
    assert schemes(model, reached={}) == {}


def test_a_shared_module_comes_once():
    shared = nn.Linear(3, 3)
    model = nn.ModuleDict({"first": shared, "second": shared})
    assert list(schemes(model)) == ["first"]
    assert list(schemes(model, reached={"second": 2, "first": 2})) == ["first"]


@pytest.mark.parametrize("key", ["Linear", "Line.*", "Linear|Embedding", ".*"])
def test_op_type_dict_matches_whole_types(model, key):
    found = schemes(model, op_type_dict={key: {"weight": {"bits": 4}}})
    assert found["head"].weight.num_bits == 4
    assert found["words"].weight.num_bits == (8 if key in ("Linear", "Line.*") else 4)
    assert found["patch"].weight.num_bits == (4 if key == ".*" else 8)


@pytest.mark.parametrize("kind", ["Linear", "Conv1D", "Conv1d", "Conv2d", "Embedding"])
def test_float_fallback_of_a_type(model, kind):
    found = schemes(model, op_type_dict={kind: {"weight": {"dtype": "fp32"}, "activation": {"dtype": "fp32"}}})
    kinds = {name: op_type(model.get_submodule(name)) for name in ["words", *MATMULS, "labels"]}
    assert set(found) == {name for name, other in kinds.items() if other != kind}


def test_float_fallback_of_names(model):
    found = schemes(model, op_name_dict={r"blocks\.0\..*": {"weight": {"dtype": ["fp32"]}}})
    assert set(found) == {"words", "labels", *MATMULS} - {"blocks.0.query", "blocks.0.key"}


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_half_precision_fallback_is_the_models_own_with_a_warning(model, caplog, dtype):
    with caplog.at_level(logging.WARNING):
        found = schemes(model, op_name_dict={"head": {"weight": {"dtype": dtype}}})
    assert "head" not in found
    assert "`head` stays in the model's own precision" in caplog.text


@pytest.mark.parametrize("pattern", ["blocks.0", r"blocks\.0", "query", "headless"])
def test_op_name_dict_needs_whole_names(model, pattern):
    with pytest.raises(ValueError, match="matches no module that can be quantized.*regular expressions"):
        schemes(model, op_name_dict={pattern: {"weight": {"bits": 4}}})


def test_a_name_is_stronger_than_a_type(model):
    float32 = {"weight": {"dtype": "fp32"}, "activation": {"dtype": "fp32"}}
    int8 = {"weight": {"dtype": "int8"}, "activation": {"dtype": "int8"}}
    found = schemes(model, op_type_dict={"Linear": float32}, op_name_dict={r".*\.query": int8})
    linears = [name for name in found if op_type(model.get_submodule(name)) == "Linear"]
    assert linears == ["blocks.0.query", "blocks.1.query"]
    found = schemes(model, op_type_dict={"Linear": int8}, op_name_dict={r".*\.query": float32})
    assert not set(found) & set(linears) and "head" in found


def test_the_last_of_two_patterns_is_the_strongest(model):
    settings = {r".*\.query": {"weight": {"bits": 4}}, r"blocks\.0\..*": {"weight": {"bits": 6}}}
    found = schemes(model, op_name_dict=settings)
    bits = {name: found[name].weight.num_bits for name in MATMULS if name.startswith("blocks")}
    assert bits == {"blocks.0.query": 6, "blocks.0.key": 6, "blocks.1.query": 4, "blocks.1.key": 8}


def test_default_qconfig_is_for_what_no_pattern_hits(model):
    float32 = {"weight": {"dtype": "fp32"}, "activation": {"dtype": "fp32"}}
    found = schemes(model, op_name_dict={"default_qconfig": float32, r".*\.key": {"weight": {"bits": 4}}})
    assert found == dict.fromkeys(["blocks.0.key", "blocks.1.key"], Scheme(WeightScheme(4), STATIC))


def test_default_qconfig_is_stronger_than_a_type(model):
    found = schemes(
        model,
        op_type_dict={"Linear": {"weight": {"bits": 4}}},
        op_name_dict={"default_qconfig": {"weight": {"bits": 5}}, "head": {"weight": {"bits": 6}}},
    )
    assert {name: scheme.weight.num_bits for name, scheme in found.items()} == {
        **dict.fromkeys(["words", *MATMULS, "labels"], 5),
        "head": 6,
    }


def test_a_name_that_hits_nothing_gets_a_suggestion(model):
    with pytest.raises(ValueError) as caught:
        schemes(model, op_name_dict={"blocks.0.qeury": {"weight": {"bits": 4}}})
    assert str(caught.value) == (
        "`op_name_dict` key 'blocks.0.qeury' matches no module that can be quantized; did you mean 'blocks.0.query'? "
        "Keys are regular expressions for the whole name, e.g. 'bert\\.encoder\\..*'."
    )


def test_a_name_that_hits_nothing_and_is_near_to_nothing(model):
    with pytest.raises(ValueError) as caught:
        schemes(model, op_name_dict={"xyzxyz": {"weight": {"dtype": "fp32"}}})
    assert "'xyzxyz' matches no module that can be quantized. Keys are regular" in str(caught.value)


def test_of_several_names_one_may_hit_nothing(model, caplog):
    found = schemes(model, op_name_dict={"head": {"weight": {"bits": 4}}, "layer1.0.conv1": {"weight": {"bits": 4}}})
    assert found["head"].weight.num_bits == 4
    assert "`op_name_dict` key 'layer1.0.conv1' matches no module that can be quantized" in caplog.text


@pytest.mark.parametrize("name", ["norm", "attention.out_proj", "blocks"])
def test_a_name_that_stays_in_float_anyway(model, name, caplog):
    assert schemes(model, op_name_dict={name: {"weight": {"dtype": "fp32"}}}) == schemes(model)
    assert not caplog.records


@pytest.mark.parametrize("name", ["norm", "attention.out_proj", "blocks"])
def test_a_name_that_cannot_be_quantized_is_refused(model, name):
    with pytest.raises(ValueError, match="matches no module that can be quantized"):
        schemes(model, op_name_dict={name: {"weight": {"bits": 4}}})


def test_a_module_that_is_not_reached_may_be_left_in_float_by_name(model):
    float32 = {"weight": {"dtype": "fp32"}}
    assert list(schemes(model, {"head": 2}, op_name_dict={"mix": float32})) == ["head"]
    with pytest.raises(ValueError, match="'mix' matches no module"):
        schemes(model, {"head": 2}, op_name_dict={"mix": {"weight": {"bits": 4}}})


@pytest.mark.parametrize(
    "key, settings, warns",
    [
        ("LSTM", {"weight": {"bits": 4}}, True),
        ("LSTM", {"weight": {"dtype": "fp32"}}, True),
        ("LayerNorm", {"weight": {"dtype": "fp32"}}, False),
        ("LayerNorm", {"weight": {"bits": 4}}, True),
        ("linear", {"weight": {"bits": 4}}, True),
        ("Conv", {"weight": {"bits": 4}}, False),
        ("Con", {"weight": {"bits": 4}}, True),
        ("Linear", {"weight": {"bits": 4}}, False),
    ],
    ids=[
        "absent",
        "absent float",
        "float anyway",
        "not quantizable",
        "other case",
        "all convolutions",
        "a part of a name",
        "present",
    ],
)
def test_a_type_that_hits_nothing_is_worth_a_warning(model, caplog, key, settings, warns):
    with caplog.at_level(logging.WARNING):
        found = schemes(model, op_type_dict={key: settings})
    assert list(found) == ["words", *MATMULS, "labels"]
    message = f"`op_type_dict` key '{key}' matches no module that can be quantized"
    assert (message in caplog.text) == warns
    assert bool(caplog.records) == warns


def test_conv_stands_for_all_convolutions(model):
    """As in INC's documentation; not for Conv1D of transformers, which is a product with a matrix."""
    kinds = {name: type(module).__name__ for name, module in model.named_modules()}
    found = schemes(model, op_type_dict={"Conv": {"weight": {"dtype": "fp32"}}})
    left = {name for name in MATMULS if name not in found}
    assert left == {name for name in MATMULS if kinds[name] in ("Conv1d", "Conv2d")} and left
    assert match_types("Conv", ["Conv2d", "Conv1D", "Linear"]) == ["Conv2d"]
    assert match_types("Conv1d", ["Conv2d", "Conv1d"]) == ["Conv1d"]


RECIPES = {
    "first": ({"first_conv_or_matmul_quantization": False}, {"patch"}),
    "last": ({"last_conv_or_matmul_quantization": False}, {"head"}),
    "pre_post": ({"pre_post_process_quantization": False}, {"words", "labels"}),
    "all": (
        {
            "first_conv_or_matmul_quantization": False,
            "last_conv_or_matmul_quantization": False,
            "pre_post_process_quantization": False,
        },
        {"patch", "head", "words", "labels"},
    ),
    "defaults": ({}, set()),
}


@pytest.mark.parametrize("recipes, excluded", RECIPES.values(), ids=RECIPES)
def test_recipes(model, recipes, excluded):
    assert set(schemes(model, recipes=recipes)) == {"words", "labels", *MATMULS} - excluded


def test_recipes_follow_the_order_of_the_calls(model):
    reached = {"labels": 2, "head": 2, "words": 2, "patch": 4, "mix": 3}
    recipes = RECIPES["all"][0]
    assert list(schemes(model, reached, recipes=recipes)) == ["words", "patch"]


def test_recipes_of_a_model_without_matmuls():
    model = nn.Sequential(nn.Embedding(4, 2))
    assert schemes(model, recipes=RECIPES["all"][0]) == {"0": ROWS}


def test_recipes_of_a_model_with_one_matmul():
    model = nn.Sequential(nn.Embedding(4, 2), nn.Linear(2, 2), nn.Embedding(4, 2))
    assert set(schemes(model, recipes=RECIPES["first"][0])) == {"0", "2"}
    assert schemes(model, recipes=RECIPES["all"][0]) == {}


def test_a_name_is_stronger_than_a_recipe(model):
    found = schemes(model, recipes=RECIPES["last"][0], op_name_dict={"head": {"weight": {"bits": 7}}})
    assert found["head"] == Scheme(WeightScheme(7), STATIC)


@pytest.fixture
def tied():
    model = nn.ModuleDict({"words": nn.Embedding(11, 6), "other": nn.Embedding(11, 6), "head": nn.Linear(6, 11)})
    model["head"].weight = model["words"].weight
    return model


def test_a_tied_embedding_takes_the_scheme_of_the_linear(tied):
    found = schemes(tied, reduce_range=True)
    assert found["words"] == Scheme(WeightScheme(7), None)
    assert found["head"].weight == WeightScheme(7)
    assert found["other"] == ROWS
    found = schemes(tied, op_name_dict={"head": {"weight": {"bits": 4, "granularity": "per_tensor"}}})
    assert found["words"].weight == WeightScheme(4, per_channel=False)


@pytest.mark.parametrize(
    "config, reached",
    [
        ({"recipes": {"last_conv_or_matmul_quantization": False}}, None),
        ({"op_name_dict": {"head": {"weight": {"dtype": "fp32"}}}}, None),
        ({"op_type_dict": {"Embedding": {"weight": {"dtype": "fp32"}}}, "op_name_dict": {"other": {}}}, None),
        ({}, {"words": 2, "other": 2}),
    ],
    ids=["recipe", "name", "type", "not reached"],
)
def test_tied_weights_stay_in_float_together(tied, config, reached):
    assert schemes(tied, reached, **config) == {"other": ROWS}


def test_embeddings_tied_to_each_other_keep_theirs():
    model = nn.ModuleDict({"words": nn.Embedding(11, 6), "twin": nn.Embedding(11, 6)})
    model["twin"].weight = model["words"].weight
    assert schemes(model, reduce_range=True) == {"words": ROWS, "twin": ROWS}


def test_a_scheme_is_json(model):
    for scheme in schemes(model, op_name_dict={"head": {"activation": {"algorithm": "kl"}}}).values():
        assert Scheme.from_dict(scheme.to_dict()) == scheme


def test_with_observer_changes_nothing_else():
    scheme = Scheme(WeightScheme(7), STATIC)
    assert scheme.is_static and not Scheme(WeightScheme(7), DYNAMIC).is_static and not ROWS.is_static
    assert scheme.with_observer("mse") == Scheme(WeightScheme(7), ActivationScheme(8, False, False, "mse"))


def test_meta_models_resolve():
    with torch.device("meta"):
        model = nn.Sequential(nn.Embedding(4, 2), nn.Linear(2, 2))
    found = schemes(model, reduce_range=True)
    assert found == {"0": ROWS, "1": Scheme(WeightScheme(7), STATIC)}


def test_children_of_torch_transformer_layers_stay_in_float(model):
    model["torch_layer"] = nn.TransformerEncoderLayer(6, 2, 12)
    assert not [name for name in schemes(model) if name.startswith("torch_layer")]


def test_embedding_that_only_lends_its_weight_is_quantized_with_the_reached_ones(model):
    model["shared"] = nn.Embedding(11, 6)
    model["words"].weight = model["shared"].weight
    found = schemes(model, reached={"words": 2, "head": 3})
    assert list(found) == ["shared", "words", "head"]
