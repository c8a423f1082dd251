import pytest

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.config.quantization import APPROACHES
from inc_hf.quantize import resolve
from inc_hf.quantize.resolve import resolve_schemes
from inc_hf.quantize.scheme import ActivationScheme, Scheme, WeightScheme
from inc_hf.quantize.settings import default_scheme

DYNAMIC = ActivationScheme(num_bits=8, dynamic=True, symmetric=True)
STATIC = ActivationScheme(num_bits=8, dynamic=False, symmetric=False, observer="minmax")
ROWS = Scheme(WeightScheme(8), None)


@pytest.fixture(autouse=True)
def cpu_with_vnni(monkeypatch):
    monkeypatch.setattr(resolve, "default_weight_bits", lambda: 8)


def schemes(model, reached=None, data=True, **config):
    return resolve_schemes(model, PostTrainingQuantConfig(**config), reached, data)


def one(model, **settings):
    """Scheme of a Linear after `settings` for it, and that of a Linear without."""
    found = schemes(model, op_name_dict={r"blocks\.0\.query": settings})
    return found["blocks.0.query"], found["blocks.1.query"]


@pytest.mark.parametrize("kind", ["Linear", "Conv1D", "Conv1d", "Conv2d"])
@pytest.mark.parametrize(
    "approach, activation",
    [("static", STATIC), ("dynamic", DYNAMIC), ("weight_only", None)],
    ids=["static", "dynamic", "weight_only"],
)
def test_default_schemes(kind, approach, activation):
    assert default_scheme(kind, approach, 7) == Scheme(WeightScheme(7), activation)
    assert default_scheme("Embedding", approach, 7) == ROWS


@pytest.mark.parametrize(
    "weight, expected",
    [
        ({"dtype": "int8"}, WeightScheme(8)),
        ({"dtype": "uint8"}, WeightScheme(8)),
        ({"dtype": "int7"}, WeightScheme(7)),
        ({"dtype": "int4"}, WeightScheme(4)),
        ({"bits": 5}, WeightScheme(5)),
        ({"dtype": "int", "bits": 3}, WeightScheme(3)),
        ({"dtype": "int4", "bits": 6}, WeightScheme(6)),
        ({"granularity": "per_tensor"}, WeightScheme(8, per_channel=False)),
        ({"granularity": "per_channel"}, WeightScheme(8)),
        ({"scheme": "sym", "algorithm": "minmax", "group_size": -1}, WeightScheme(8)),
        ({"algorithm": "RTN"}, WeightScheme(8)),
        ({"dtype": ["nf4", "int4"]}, WeightScheme(4)),
        ({"scheme": ["asym", "sym"], "granularity": ["per_tensor", "per_channel"]}, WeightScheme(8, False)),
        ({"algorithm": ["GPTQ", "minmax"], "group_size": [128, -1], "bits": [1, 2]}, WeightScheme(2, group_size=128)),
        ({"scheme": "asym", "group_size": 3}, WeightScheme(8, symmetric=False, group_size=3)),
    ],
    ids=lambda value: " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else "",
)
def test_weight_settings(model, weight, expected):
    found, other = one(model, weight=weight)
    assert found == Scheme(expected, STATIC)
    assert other == Scheme(WeightScheme(8), STATIC)


@pytest.mark.parametrize("approach", sorted({*APPROACHES} - {"auto"}))
def test_every_approach_has_a_default_scheme(approach):
    """All but "auto", which tries the others; a new one is added to `default_scheme`."""
    assert default_scheme("Linear", approach, 8).weight == WeightScheme(8)


def test_reduced_range_holds_for_a_layer_with_settings(model):
    found = schemes(model, reduce_range=True, op_name_dict={"head": {"weight": {"granularity": "per_tensor"}}})
    assert found["head"].weight == WeightScheme(7, per_channel=False)


@pytest.mark.parametrize(
    "activation, expected",
    [
        ({"scheme": "sym"}, ActivationScheme(8, False, True, "minmax")),
        ({"scheme": "asym"}, STATIC),
        ({"scheme": ["sym", "asym"]}, ActivationScheme(8, False, True, "minmax")),
        *(({"algorithm": name}, ActivationScheme(8, False, False, name)) for name in ("kl", "mse", "percentile")),
        ({"algorithm": "moving_average", "scheme": "sym"}, ActivationScheme(8, False, True, "moving_average")),
        ({"algorithm": ["placeholder", "kl"]}, ActivationScheme(8, False, False, "kl")),
        ({"granularity": "per_tensor", "dtype": "uint8"}, STATIC),
        ({"granularity": ["per_channel", "per_tensor"]}, STATIC),
    ],
    ids=lambda value: " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else "",
)
def test_activation_settings(model, activation, expected):
    found, other = one(model, activation=activation)
    assert found == Scheme(WeightScheme(8), expected)
    assert other == Scheme(WeightScheme(8), STATIC)


@pytest.mark.parametrize("dtype", ["fp32", "None"])
def test_integer_weights_with_float_activations(model, dtype):
    found, _ = one(model, weight={"dtype": "int8"}, activation={"dtype": dtype})
    assert found == Scheme(WeightScheme(8), None)


def test_float_activations_alone_leave_the_layer_in_float(model):
    assert "head" not in schemes(model, op_name_dict={"head": {"activation": {"dtype": "fp32"}}})


def test_dynamic_activations_stay_symmetric_per_token(model):
    settings = {"activation": {"scheme": "asym", "algorithm": "kl", "granularity": "per_tensor"}}
    found = schemes(model, approach="dynamic", op_type_dict={"Linear": settings})
    assert found["head"].activation == DYNAMIC


def test_embeddings_take_weight_settings_only(model):
    settings = {"weight": {"bits": 4, "granularity": "per_tensor"}, "activation": {"scheme": "sym"}}
    found = schemes(model, op_type_dict={"Embedding": settings})
    assert found["words"] == found["labels"] == Scheme(WeightScheme(4, per_channel=False), None)


UNAVAILABLE = {
    "AWQ": ({"weight": {"algorithm": "AWQ"}}, r"weight algorithm \['AWQ'\] .* choose from minmax, RTN"),
    "asym weights": (
        {"weight": {"scheme": "asym", "granularity": "per_tensor"}},
        r"weight scheme \['asym'\] .* choose from sym",
    ),
    "groups": (
        {"weight": {"group_size": 32, "granularity": "per_tensor"}},
        r"weight group_size \[32\] .* choose from -1",
    ),
    "nf4": ({"weight": {"dtype": "nf4"}}, r"weight dtype \['nf4'\] .* choose from int8, uint8, int, int7, int4"),
    "1 bit": ({"weight": {"bits": 1}}, r"weight bits \[1\] .* choose from 2, 3, 4, 5, 6, 7, 8"),
    "token": ({"activation": {"granularity": "per_token"}}, r"activation granularity \['per_token'\]"),
    "observer": ({"activation": {"algorithm": "placeholder"}}, r"activation algorithm .* choose from minmax"),
}


@pytest.mark.parametrize("settings, message", UNAVAILABLE.values(), ids=UNAVAILABLE)
def test_settings_that_are_not_available(model, settings, message):
    with pytest.raises(ValueError, match=rf"`head`: {message}"):
        schemes(model, op_name_dict={"head": settings})


class TestMerging:
    """A stronger dict replaces only the settings that it names."""

    def test_name_settings_keep_those_of_the_type(self, model):
        found = schemes(
            model,
            op_type_dict={"Linear": {"weight": {"bits": 4}}},
            op_name_dict={"head": {"activation": {"scheme": "sym"}}},
        )
        assert found["head"].weight.num_bits == 4 and found["head"].activation.symmetric
        assert found["blocks.0.key"].weight.num_bits == 4 and not found["blocks.0.key"].activation.symmetric

    def test_recipe_survives_type_settings_and_yields_to_a_name(self, model):
        recipe = {"recipes": {"last_conv_or_matmul_quantization": False}}
        assert "head" not in schemes(model, op_type_dict={"Linear": {"weight": {"bits": 7}}}, **recipe)
        found = schemes(model, op_name_dict={"head": {"weight": {"dtype": "int8"}}}, **recipe)
        assert found["head"].weight.num_bits == 8

    def test_integer_name_inside_a_float_type(self, model):
        found = schemes(
            model,
            op_type_dict={"Linear": {"weight": {"dtype": "fp32"}, "activation": {"dtype": "fp32"}}},
            op_name_dict={"head": {"weight": {"dtype": "int8"}}},
        )
        assert [name for name in found if name == "head" or "blocks" in name] == ["head"]
        assert found["head"].activation == STATIC
