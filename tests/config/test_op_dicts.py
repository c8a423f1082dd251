import pytest

from inc_hf.config import ACTIVATION_CHOICES, RECIPES, WEIGHT_CHOICES, MixedPrecisionConfig, PostTrainingQuantConfig
from inc_hf.config.op_dicts import check_recipes, normalize_op_dict, recipe


def op_type_dict(section, **settings):
    return normalize_op_dict("op_type_dict", {"Linear": {section: settings}})["Linear"][section]


def error(value, error_type=ValueError):
    with pytest.raises(error_type) as caught:
        normalize_op_dict("op_type_dict", value)
    return str(caught.value)


@pytest.mark.parametrize("value", [None, {}, "{}"], ids=["none", "dict", "json"])
def test_nothing_gives_an_empty_dict(value):
    assert normalize_op_dict("op_type_dict", value) == {}


def test_scalars_become_lists():
    given = {
        "Linear": {"weight": {"dtype": "int8", "bits": 4, "group_size": -1}, "activation": {"algorithm": ("kl",)}}
    }
    assert normalize_op_dict("op_type_dict", given) == {
        "Linear": {
            "weight": {"dtype": ["int8"], "bits": [4], "group_size": [-1]},
            "activation": {"algorithm": ["kl"]},
        }
    }
    assert given["Linear"]["weight"]["dtype"] == "int8"


def test_json_text():
    text = '{"layer\\\\.[0-3]\\\\..*": {"weight": {"dtype": ["fp32"]}}}'
    assert normalize_op_dict("op_name_dict", text) == {r"layer\.[0-3]\..*": {"weight": {"dtype": ["fp32"]}}}


WEIGHT_OPTIONS = [
    ("dtype", "int int4 int7 int8 uint8 nf4 fp4 fp4_e2m1_bnb fp4_e2m1 fp32 bf16 fp16"),
    ("scheme", "sym asym asym_float"),
    ("granularity", "per_channel per_tensor"),
    ("algorithm", "minmax RTN AWQ GPTQ TEQ AUTOROUND"),
]
ACTIVATION_OPTIONS = [
    ("dtype", "int8 uint8 fp32 bf16 fp16 None"),
    ("scheme", "sym asym"),
    ("granularity", "per_channel per_tensor per_token"),
    ("algorithm", "minmax kl percentile mse moving_average placeholder"),
]


@pytest.mark.parametrize(
    "section, key, options",
    [
        *(("weight", *options) for options in WEIGHT_OPTIONS),
        *(("activation", *options) for options in ACTIVATION_OPTIONS),
    ],
    ids=lambda value: value.split()[0],
)
def test_every_option_is_allowed(section, key, options):
    assert op_type_dict(section, **{key: options.split()}) == {key: options.split()}
    choices = WEIGHT_CHOICES if section == "weight" else ACTIVATION_CHOICES
    assert sorted(choices[key]) == sorted(options.split())


@pytest.mark.parametrize(
    "value, text",
    [
        (
            {"Linear": {"weight": {"dtype": "int88"}}},
            "`op_type_dict['Linear']['weight']['dtype']` must be one of int8, uint8, int7, int4, int, nf4, fp4, "
            "fp4_e2m1, fp4_e2m1_bnb, fp32, bf16, fp16, got 'int88'; did you mean 'int8'?",
        ),
        (
            {"Conv.*": {"activation": {"dtype": ["uint8", "unit8"]}}},
            "`op_type_dict['Conv.*']['activation']['dtype']` must be one of uint8, int8, fp32, bf16, fp16, None, "
            "got 'unit8'; did you mean 'uint8'?",
        ),
        (
            {"Linear": {"activation": {"granularity": "per_group"}}},
            "`op_type_dict['Linear']['activation']['granularity']` must be one of per_tensor, per_channel, per_token, "
            "got 'per_group'",
        ),
        (
            {"Linear": {"weight": {"granularity": "per_token"}}},
            "['weight']['granularity']` must be one of per_channel, per_tensor, got 'per_token'",
        ),
        (
            {"Linear": {"dtype": "fp32"}},
            "`op_type_dict['Linear']` has no key 'dtype', only weight, activation.",
        ),
        (
            {"Linear": {"weights": {}}},
            "`op_type_dict['Linear']` has no key 'weights', only weight, activation; did you mean 'weight'?",
        ),
        (
            {"Linear": {"activation": {"bits": 8}}},
            "`op_type_dict['Linear']['activation']` has no key 'bits', only dtype, scheme, granularity, algorithm.",
        ),
        (
            {"Linear": {"weight": {"dtype": []}}},
            "`op_type_dict['Linear']['weight']['dtype']` is an empty list; give at least one option or leave the "
            "setting out.",
        ),
        ({"Linear": {"weight": {"bits": [4, 9]}}}, "['bits']` must be in [1, 8], got 9."),
        ({"Linear": {"weight": {"group_size": 0}}}, "['group_size']` must be -1 (one group per output channel) or at"),
        ({"Linear": {"weight": {"group_size": -2}}}, "['group_size']` must be at least -1, got -2."),
        ({"Linear(": {}}, "`op_type_dict key` is not a valid regular expression, got 'Linear(': missing )"),
        ("{Linear", "`op_type_dict` is not valid JSON (Expecting property name"),
    ],
    ids=[
        "weight dtype",
        "activation dtype",
        "activation granularity",
        "weight granularity",
        "no section",
        "section typo",
        "bits of activation",
        "empty list",
        "bits",
        "group size 0",
        "group size -2",
        "regex",
        "json",
    ],
)
def test_value_errors(value, text):
    assert text in error(value)


@pytest.mark.parametrize(
    "value, text",
    [
        (["Linear"], "`op_type_dict` must be a dict or its JSON text, got ['Linear'] (list)."),
        ({3: {}}, "`op_type_dict key` must be a string, got 3 (int)."),
        (
            {"Linear": "fp32"},
            "`op_type_dict['Linear']` must be a dict with the keys weight and activation, got 'fp32'",
        ),
        ({"Linear": {"weight": "fp32"}}, "`op_type_dict['Linear']['weight']` must be a dict, got 'fp32' (str)."),
        ({"Linear": {"weight": {"bits": "4"}}}, "['bits']` must be an int, got '4' (str)."),
        ({"Linear": {"weight": {"dtype": 8}}}, "['dtype']` must be one of int8, "),
    ],
    ids=["list", "int key", "str", "str section", "str bits", "int dtype"],
)
def test_type_errors(value, text):
    assert text in error(value, TypeError)


def test_mixed_precision_wraps_scalars_too():
    config = MixedPrecisionConfig(op_type_dict={"Linear": {"weight": {"dtype": "fp32"}}})
    assert config.op_type_dict["Linear"]["weight"]["dtype"] == ["fp32"]


# Recipes


def test_recipe_defaults():
    config = PostTrainingQuantConfig()
    assert config.recipes == {}
    assert {name: config.recipe(name) for name in RECIPES} == {
        "smooth_quant": False,
        "smooth_quant_args": {},
        "layer_wise_quant": False,
        "layer_wise_quant_args": {},
        "rtn_args": {},
        "awq_args": {},
        "gptq_args": {},
        "teq_args": {},
        "autoround_args": {},
        "fast_bias_correction": False,
        "weight_correction": False,
        "gemm_to_matmul": True,
        "graph_optimization_level": None,
        "first_conv_or_matmul_quantization": True,
        "last_conv_or_matmul_quantization": True,
        "pre_post_process_quantization": True,
        "add_qdq_pair_to_weight": False,
        "optypes_to_exclude_output_quant": [],
        "dedicated_qdq_pair": False,
    }


def test_recipe_returns_the_users_value_even_if_it_is_false():
    config = PostTrainingQuantConfig(recipes={"gemm_to_matmul": False, "smooth_quant_args": {"alpha": [0, 0.5]}})
    assert config.recipes == {"gemm_to_matmul": False, "smooth_quant_args": {"alpha": [0.0, 0.5]}}
    assert config.recipe("gemm_to_matmul") is False
    assert config.recipe("smooth_quant_args") == {"alpha": [0.0, 0.5]}


def test_recipe_defaults_cannot_be_changed_through_a_result():
    PostTrainingQuantConfig().recipe("smooth_quant_args")["alpha"] = 0.9
    assert PostTrainingQuantConfig().recipe("smooth_quant_args") == {}


def test_unknown_recipe():
    with pytest.raises(ValueError, match="`recipes` has no key 'smoth_quant', only .*; did you mean 'smooth_quant'"):
        PostTrainingQuantConfig(recipes={"smoth_quant": True})
    with pytest.raises(ValueError, match="There is no recipe 'smoothquant', only .*; did you mean 'smooth_quant'"):
        recipe({}, "smoothquant")


@pytest.mark.parametrize(
    "recipes, error_type, text",
    [
        ({"smooth_quant": 1}, TypeError, "`recipes['smooth_quant']` must be True or False, got 1 (int)."),
        ({"rtn_args": [1]}, TypeError, "`recipes['rtn_args']` must be a dict, got [1] (list)."),
        ({"optypes_to_exclude_output_quant": 1}, TypeError, "must be a string or a list of strings, got 1 (int)."),
        ({"graph_optimization_level": "ENABLE"}, ValueError, "must be one of DISABLE_ALL, ENABLE_BASIC, "),
        ({"smooth_quant_args": {"alpha": 1.5}}, ValueError, "['alpha']` must be a finite number in [0, 1], got 1.5."),
        (
            {"smooth_quant_args": {"alpha": "aut"}},
            ValueError,
            "['alpha']` must be one of auto, got 'aut'; did you mean",
        ),
        ({"smooth_quant_args": {"alpha": []}}, ValueError, "['alpha']` is an empty list; give at least one number"),
        ([], TypeError, "`recipes` must be a dict or its JSON text, got [] (list)."),
    ],
    ids=["bool", "dict", "list", "choice", "alpha", "alpha text", "alpha list", "container"],
)
def test_recipe_errors(recipes, error_type, text):
    with pytest.raises(error_type) as caught:
        check_recipes("recipes", recipes)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "recipes",
    [
        {"graph_optimization_level": "ENABLE_ALL"},
        {"graph_optimization_level": None},
        {"optypes_to_exclude_output_quant": ["MatMul"]},
        {"smooth_quant": True, "smooth_quant_args": {"alpha": "auto", "folding": False}},
        {"gptq_args": {"percdamp": 0.01}},
    ],
    ids=["level", "no level", "types", "smooth quant", "gptq"],
)
def test_recipes_are_kept(recipes):
    assert check_recipes("recipes", recipes) == recipes
