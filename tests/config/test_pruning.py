import math

import pytest

from inc_hf.config import WeightPruningConfig
from inc_hf.config.pruning import PRUNING_TYPES

DEFAULTS = {
    "target_sparsity": 0.9,
    "pruning_type": "snip_momentum",
    "pattern": "4x1",
    "op_names": [],
    "excluded_op_names": [],
    "backend": None,
    "start_step": None,
    "end_step": None,
    "pruning_scope": "global",
    "pruning_frequency": None,
    "min_sparsity_ratio_per_op": 0.0,
    "max_sparsity_ratio_per_op": 0.98,
    "sparsity_decay_type": "exp",
    "pruning_op_types": ["Conv", "Linear"],
    "low_memory_usage": False,
}


def error(error_type=ValueError, **fields):
    with pytest.raises(error_type) as caught:
        WeightPruningConfig(**fields)
    return str(caught.value)


def test_defaults_and_order():
    assert WeightPruningConfig().to_dict() == {"pruning_configs": [{}], **DEFAULTS}
    assert list(WeightPruningConfig().keys()) == ["pruning_configs", *DEFAULTS]
    config = WeightPruningConfig([{"op_names": ["query"]}], 0.5, "magnitude", "1x1")
    assert (config.target_sparsity, config.pruning_type, config.pattern) == (0.5, "magnitude", "1x1")


@pytest.mark.parametrize(
    "given, stored",
    [(None, [{}]), (({"pattern": "1x1"}, {}), [{"pattern": "1x1"}, {}]), ('[{"end_step": 3}]', [{"end_step": 3}])],
    ids=["none", "tuple", "json"],
)
def test_pruning_configs_forms(given, stored):
    assert WeightPruningConfig(given).pruning_configs == stored


def test_weight_compression_view():
    view = WeightPruningConfig(target_sparsity=0.7, op_names="encoder").weight_compression
    assert vars(view) == {"pruning_configs": [{}], **DEFAULTS, "target_sparsity": 0.7, "op_names": ["encoder"]}


def test_merged_configs_inherit():
    config = WeightPruningConfig(
        [{"op_names": ["ffn"], "pattern": "2:4", "target_sparsity": 0.5}, {"parameters": {"reg_coeff": 1}}],
        end_step=100,
        pruning_frequency=10,
    )
    local = {
        "resume_from_pruned_checkpoint": False,
        "reg_type": None,
        "criterion_type": None,
        "criterion_reduce_type": "mean",
        "lock_init_sparsity": None,
        "reg_coeff": 0.0,
    }
    shared = {**DEFAULTS, **local, "end_step": 100, "pruning_frequency": 10}
    assert [vars(merged) for merged in config.merged_configs()] == [
        {**shared, "op_names": ["ffn"], "pattern": "2:4", "target_sparsity": 0.5},
        {**shared, "reg_coeff": 1.0},
    ]


@pytest.mark.parametrize(
    "local",
    [
        {"resume_from_pruned_checkpoint": True},
        {"reg_type": "group_lasso", "parameters": {"reg_coeff": 0.1}},
        {"criterion_reduce_type": "max", "criterion_type": "snip"},
        {"lock_init_sparsity": True},
    ],
    ids=lambda local: next(iter(local)),
)
def test_local_settings(local):
    config = WeightPruningConfig([local])
    assert config.pruning_configs == [local]
    assert vars(config.merged_configs()[0]).items() >= {k: v for k, v in local.items() if k != "parameters"}.items()


@pytest.mark.parametrize(
    "configs, error_type, text",
    [
        (
            [{"target_sparsity": 1.0}],
            ValueError,
            "`pruning_configs[0]['target_sparsity']` must be a finite number in [0, 1)",
        ),
        (
            [{"reg_type": "lasso"}],
            ValueError,
            "`pruning_configs[0]['reg_type']` must be one of group_lasso, got 'lasso'",
        ),
        ([{"criterion_reduce_type": "min"}], ValueError, "must be one of mean, sum, max, got 'min'"),
        (
            [{"parameters": {"reg_coef": 1}}],
            ValueError,
            "['parameters']` has no key 'reg_coef', only reg_coeff; did you",
        ),
        (
            [{"parameters": {"reg_coeff": -1}}],
            ValueError,
            "['reg_coeff']` must be a finite number in [0, inf), got -1.",
        ),
        ([{"resume_from_pruned_checkpoint": 1}], TypeError, "must be True or False, got 1 (int)."),
        (["4x1"], TypeError, "`pruning_configs[0]` must be a dict, got '4x1' (str)."),
        (
            {"pattern": "4x1"},
            TypeError,
            "`pruning_configs` must be a list or its JSON text, got {'pattern': '4x1'} (dict).",
        ),
        (
            [],
            ValueError,
            "`pruning_configs` is empty, so that nothing would be pruned; leave it out to prune every layer.",
        ),
    ],
    ids=[
        "range",
        "reg_type",
        "reduce",
        "parameters",
        "reg_coeff",
        "bool",
        "string",
        "dict",
        "empty",
    ],
)
def test_local_errors(configs, error_type, text):
    assert text in error(error_type, pruning_configs=configs)


@pytest.mark.parametrize("pruning_type", PRUNING_TYPES)
def test_pruning_types(pruning_type):
    assert WeightPruningConfig(pruning_type=pruning_type).pruning_type == pruning_type


def test_unknown_pruning_type():
    assert error(pruning_type="magnitud").endswith("got 'magnitud'; did you mean 'magnitude'?")


@pytest.mark.parametrize(
    "pattern", ["4x1", "1x1", "32x1", "1x16", "2:4", "1:3", "channelx1", "1xchannel", "4xchannel", "channelx16", "mha"]
)
def test_patterns(pattern):
    assert WeightPruningConfig(pattern=pattern, target_sparsity=0.3).pattern == pattern


@pytest.mark.parametrize(
    "pattern, text",
    [
        (
            "4*1",
            "`pattern` must be NxM, N:M, channelxK, Kxchannel or mha, N, M and K being 1 or more, got '4*1'; did you",
        ),
        ("tile_pattern_4*1", "got '4*1'"),
        ("0x1", "got '0x1'; did you mean"),
        ("channelxchannel", "got 'channelxchannel'; did you mean 'channelx1'?"),
        ("4x", "got '4x'; did you mean '4x1'?"),
        ("4x1 ", "got '4x1 '; did you mean '4x1'?"),
        ("4:2", "`pattern` N:M makes N of M consecutive weights zero, so M must be larger, got '4:2'."),
        ("4:4", "so M must be larger, got '4:4'."),
        ("MHA", "got 'MHA'; did you mean 'mha'?"),
    ],
    ids=["star", "1.X", "zero", "channel", "half", "space", "N over M", "N is M", "case"],
)
def test_pattern_errors(pattern, text):
    assert text in error(pattern=pattern, target_sparsity=0.1)


def test_pattern_of_another_type():
    assert error(TypeError, pattern=4) == "`pattern` must be a string, got 4 (int)."


@pytest.mark.parametrize(
    "fields, text",
    [
        ({"target_sparsity": 1}, "`target_sparsity` must be a finite number in [0, 1), got 1."),
        ({"target_sparsity": -0.1}, "`target_sparsity` must be a finite number in [0, 1), got -0.1."),
        ({"target_sparsity": math.nan}, "`target_sparsity` must be a finite number in [0, 1), got nan."),
        ({"pruning_frequency": 0}, "`pruning_frequency` must be at least 1, got 0."),
        (
            {"pruning_scope": "globl"},
            "`pruning_scope` must be one of global, local, got 'globl'; did you mean 'global'?",
        ),
        (
            {"sparsity_decay_type": "qube"},
            "must be one of exp, cube, cos, linear, cubic, linear_from_start, got 'qube'; did you mean 'cube'?",
        ),
        (
            {"min_sparsity_ratio_per_op": 1.1},
            "`min_sparsity_ratio_per_op` must be a finite number in [0, 1], got 1.1.",
        ),
        ({"op_names": ["a", "("]}, "`op_names` is not a valid regular expression, got '('"),
        (
            {"min_sparsity_ratio_per_op": 0.5, "max_sparsity_ratio_per_op": 0.4},
            "`min_sparsity_ratio_per_op` must not be above `max_sparsity_ratio_per_op`, got 0.5 and 0.4.",
        ),
        (
            {"pattern": "2:4", "target_sparsity": 0.6},
            "`target_sparsity` must be at most 0.5 with the pattern '2:4', got 0.6.",
        ),
        (
            {"pruning_type": "pattern_lock", "end_step": 5},
            "`start_step` and `end_step` must be equal with the pruning type 'pattern_lock', got 0 and 5.",
        ),
    ],
    ids=["1", "negative", "nan", "frequency", "scope", "decay", "min", "regex", "min max", "N:M", "pattern_lock"],
)
def test_rules(fields, text):
    message = error(**fields)
    assert text in message
    assert "pruning_configs" not in message


def test_rules_between_a_local_and_a_global_setting():
    text = error(pruning_configs=[{"op_names": ["a"], "start_step": 20}], end_step=10)
    assert text == (
        "`pruning_configs[0]`: `end_step` must not be before `start_step`, got 10 and 20; -1 is the end of the run."
    )
    config = WeightPruningConfig([{"target_sparsity": 0.5}], pattern="2:4")
    assert config.merged_configs()[0].target_sparsity == 0.5


@pytest.mark.parametrize(
    "start, end, stored",
    [
        (0, 0, (0, 0)),
        (5, 10, (5, 10)),
        (5, -1, (5, -1)),
        (0.1, 0.6, (0.1, 0.6)),
        (0, 0.6, (0, 0.6)),
        (0.1, -1, (0.1, -1)),
        (100, 0.9, (100, 0.9)),
        (10.0, 20.0, (10, 20)),
        ("10", "0.5", (10, 0.5)),
        ("0", "-1", (0, -1)),
        (1, 1, (1, 1)),
        (None, None, (None, None)),
    ],
    ids=str,
)
def test_steps(start, end, stored):
    config = WeightPruningConfig(start_step=start, end_step=end)
    assert (config.start_step, config.end_step) == stored
    assert [type(step) for step in (config.start_step, config.end_step)] == [type(step) for step in stored]


@pytest.mark.parametrize(
    "fields, error_type, text",
    [
        ({"start_step": 10, "end_step": 5}, ValueError, "`end_step` must not be before `start_step`, got 5 and 10"),
        (
            {"start_step": 0.5, "end_step": 0.4},
            ValueError,
            "`end_step` must not be before `start_step`, got 0.4 and 0.5",
        ),
        ({"start_step": 0.5, "end_step": 0}, ValueError, "`end_step` must not be before `start_step`, got 0 and 0.5"),
        ({"start_step": -1}, ValueError, "`start_step` must be a finite number in [0, inf), got -1."),
        ({"end_step": -2}, ValueError, "`end_step` must be a finite number in [-1, inf), got -2."),
        (
            {"end_step": 1.0},
            ValueError,
            "`end_step` must be a step (an int) or a share of the run (a float between 0 and 1",
        ),
        ({"end_step": 1.5}, ValueError, "got 1.5; the end of the run is `end_step=-1`."),
        ({"end_step": -0.5}, ValueError, "got -0.5; the end of the run is `end_step=-1`."),
        ({"end_step": "nan"}, ValueError, "`end_step` must be a finite number in [-1, inf), got nan."),
        ({"end_step": "last"}, ValueError, "`end_step` must be a step or a share of the run, got 'last'."),
        ({"end_step": True}, TypeError, "`end_step` must be a number, got True (bool)."),
    ],
    ids=[
        "order",
        "order of shares",
        "share and 0",
        "negative start",
        "-2",
        "1.0",
        "1.5",
        "-0.5",
        "nan",
        "word",
        "bool",
    ],
)
def test_step_errors(fields, error_type, text):
    assert text in error(error_type, **fields)


@pytest.mark.parametrize("local", [True, False], ids=["in an element", "of the whole config"])
def test_an_unknown_key_changes_nothing_and_is_said_once(local, caplog):
    unknown = {"target_sparsty": 0.5}
    config = WeightPruningConfig([unknown]) if local else WeightPruningConfig(**unknown)
    where = "pruning_configs[0]" if local else "WeightPruningConfig"
    assert caplog.messages == [
        f"`{where}` has no setting 'target_sparsty', which changes nothing; did you mean 'target_sparsity'?"
    ]
    config.check()
    config.pattern = "1x1"
    assert len(caplog.messages) == 1
    assert config == WeightPruningConfig(pattern="1x1")


def test_settings_of_elements_can_be_given_for_all():
    config = WeightPruningConfig([{"pattern": "1x1"}, {"reg_type": None}], reg_type="group_lasso", reg_coeff=0.5)
    assert [(merged.reg_type, merged.reg_coeff) for merged in config.merged_configs()] == [
        ("group_lasso", 0.5),
        (None, 0.5),
    ]


def test_forms_of_inc_that_mean_the_same():
    assert WeightPruningConfig(pattern="tile_pattern_1x16").pattern == "1x16"
    locked = WeightPruningConfig(pattern="2:4", pruning_type="pattern_lock")  # which has no use for a target
    assert locked.target_sparsity == 0.9
