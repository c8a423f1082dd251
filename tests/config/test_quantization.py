import math
from types import SimpleNamespace

import numpy as np
import pytest

from inc_hf.config import (
    AccuracyCriterion,
    MixedPrecisionConfig,
    PostTrainingQuantConfig,
    QuantizationAwareTrainingConfig,
    TuningCriterion,
)
from inc_hf.config.quantization import APPROACHES

CONFIGS = [PostTrainingQuantConfig, QuantizationAwareTrainingConfig, MixedPrecisionConfig]


def message(error_type, make, **fields):
    with pytest.raises(error_type) as caught:
        make(**fields)
    return str(caught.value)


# AccuracyCriterion


def test_accuracy_criterion_defaults():
    criterion = AccuracyCriterion()
    assert (criterion.higher_is_better, criterion.criterion, criterion.tolerable_loss) == (True, "relative", 0.01)
    assert dict(criterion) == {
        "higher_is_better": True, "criterion": "relative", "tolerable_loss": 0.01, "weight": None,
    }  # fmt: skip
    assert {**criterion} == dict(criterion)


@pytest.mark.parametrize("name, relative, absolute", [("relative", 0.03, None), ("absolute", None, 0.03)])
def test_accuracy_criterion_views(name, relative, absolute):
    criterion = AccuracyCriterion(True, name, 0.03)
    assert (criterion.relative, criterion.absolute, str(criterion)) == (relative, absolute, name)


@pytest.mark.parametrize("loss", [0, 2, np.float32(0.5), np.int64(3)], ids=["zero", "int", "float32", "int64"])
def test_tolerable_loss_is_stored_as_a_float(loss):
    stored = AccuracyCriterion(tolerable_loss=loss).tolerable_loss
    assert type(stored) is float
    assert stored == loss


@pytest.mark.parametrize("loss", [-0.1, math.nan, math.inf], ids=["negative", "nan", "inf"])
def test_tolerable_loss_out_of_range(loss):
    text = message(ValueError, AccuracyCriterion, tolerable_loss=loss)
    assert text == f"`tolerable_loss` must be a finite number in [0, inf), got {loss}."


@pytest.mark.parametrize("loss", [True, "0.01", None], ids=["bool", "str", "none"])
def test_tolerable_loss_of_another_type(loss):
    text = message(TypeError, AccuracyCriterion, tolerable_loss=loss)
    assert text == f"`tolerable_loss` must be a number, got {loss!r} ({type(loss).__name__})."


def test_accuracy_criterion_unknown_key():
    with pytest.raises(KeyError, match="AccuracyCriterion has no field 'criterio'; did you mean 'criterion'"):
        AccuracyCriterion()["criterio"]


# TuningCriterion


def test_tuning_criterion_defaults():
    criterion = TuningCriterion()
    assert (criterion.strategy, criterion.strategy_kwargs, criterion.timeout) == ("basic", {}, 0)
    assert (criterion.max_trials, criterion.objective) == (100, "performance")


def test_strategy_suggests_the_nearest():
    text = message(ValueError, TuningCriterion, strategy="bayes")
    assert text.startswith("`strategy` must be one of auto, conservative, basic, mse, mse_v2, ")
    assert text.endswith("got 'bayes'; did you mean 'bayesian'?")


def test_sigopt_is_refused_with_its_reason():
    text = message(ValueError, TuningCriterion, strategy="sigopt")
    assert text == "`strategy` 'sigopt' needs the SigOpt service, which has closed; use 'bayesian' or 'tpe' instead."


@pytest.mark.parametrize(
    "fields, error_type, text",
    [
        ({"timeout": -1}, ValueError, "`timeout` must be a finite number in [0, inf), got -1."),
        ({"max_trials": 0}, ValueError, "`max_trials` must be at least 1, got 0."),
        ({"max_trials": True}, TypeError, "`max_trials` must be an int, got True (bool)."),
        ({"max_trials": 2.0}, TypeError, "`max_trials` must be an int, got 2.0 (float)."),
    ],
    ids=["negative timeout", "no trial", "bool", "float"],
)
def test_limits_are_checked(fields, error_type, text):
    assert message(error_type, TuningCriterion, **fields) == text


@pytest.mark.parametrize(
    "objective, stored",
    [
        ("accuracy", "accuracy"),
        (None, "performance"),
        (("accuracy", "modelsize"), ["accuracy", "modelsize"]),
        ({"objective": ["footprint"]}, {"objective": ["footprint"]}),
        (
            {"objective": ["accuracy", "performance"], "weight": [1, 0.5], "higher_is_better": [True, False]},
            {"objective": ["accuracy", "performance"], "weight": [1.0, 0.5], "higher_is_better": [True, False]},
        ),
        (
            '{"objective": ["accuracy", "performance"], "weight": [0.2, 0.8]}',
            {"objective": ["accuracy", "performance"], "weight": [0.2, 0.8]},
        ),
    ],
    ids=["name", "none", "tuple", "dict", "full dict", "json"],
)
def test_objective_forms(objective, stored):
    assert TuningCriterion(objective=objective).objective == stored


@pytest.mark.parametrize(
    "objective, text",
    [
        ("speed", "`objective` must be one of performance, accuracy, modelsize, footprint, got 'speed'"),
        (
            ["model_size"],
            "`objective[0]` must be one of performance, accuracy, modelsize, footprint, got 'model_size'",
        ),
        ([], "`objective` names no objective; give at least one of performance"),
        ({"weight": [1.0]}, "`objective['objective']` names no objective"),
        ({"objective": ["accuracy"], "weights": [1.0]}, "has no key 'weights', only objective, weight"),
        (
            {"objective": ["accuracy"], "weight": [0.5, 0.5]},
            "`objective['weight']` must have one item per objective, 1, got 2.",
        ),
    ],
    ids=["name", "list", "empty list", "no objective", "unknown key", "lengths"],
)
def test_objective_errors(objective, text):
    assert text in message(ValueError, TuningCriterion, objective=objective)


# The three configs


@pytest.mark.parametrize("make", CONFIGS)
def test_defaults_are_not_shared(make):
    first, second = make(), make()
    assert first.tuning_criterion is not second.tuning_criterion
    assert first.accuracy_criterion is not second.accuracy_criterion
    first.tuning_criterion.max_trials = 1
    first.inputs.append("input_ids")
    first.op_type_dict["Linear"] = {}
    assert (second.tuning_criterion.max_trials, second.inputs, second.op_type_dict) == (100, [], {})
    assert make() == second


@pytest.mark.parametrize("make", CONFIGS)
@pytest.mark.parametrize(
    "criterion",
    [
        AccuracyCriterion(tolerable_loss=0.02),
        {"tolerable_loss": 0.02},
        '{"tolerable_loss": 0.02}',
    ],
    ids=["object", "dict", "json"],
)
def test_nested_criterion_forms(make, criterion):
    assert make(accuracy_criterion=criterion).accuracy_criterion == AccuracyCriterion(True, "relative", 0.02)


@pytest.mark.parametrize("make", CONFIGS)
def test_nested_criterion_none_is_the_default(make):
    config = make(accuracy_criterion=None, tuning_criterion=None)
    assert (config.accuracy_criterion, config.tuning_criterion) == (AccuracyCriterion(), TuningCriterion())


def test_nested_criterion_object_is_kept():
    criterion = TuningCriterion(max_trials=3)
    assert PostTrainingQuantConfig(tuning_criterion=criterion).tuning_criterion is criterion


def test_nested_criterion_errors():
    text = message(ValueError, PostTrainingQuantConfig, tuning_criterion={"max_trial": 3})
    assert text == (
        "`TuningCriterion` has no field 'max_trial', only strategy, strategy_kwargs, timeout, max_trials, objective, "
        "early_stop, early_stop_confidence, early_accept, reuse; did you mean 'max_trials'?"
    )
    text = message(TypeError, PostTrainingQuantConfig, tuning_criterion=3)
    assert text == "`tuning_criterion` must be an object of TuningCriterion, a dict or its JSON text, got 3 (int)."
    text = message(ValueError, PostTrainingQuantConfig, accuracy_criterion="relative")
    assert text.startswith("`accuracy_criterion` is not valid JSON (")
    assert text.endswith("got 'relative'; pass a dict or its JSON text.")


@pytest.mark.parametrize("make", CONFIGS)
@pytest.mark.parametrize(
    "level, stored", [("auto", "auto"), (0, 0), (1, 1), ("0", 0), ("1", 1), (np.int64(1), 1)], ids=str
)
def test_quant_level(make, level, stored):
    config = make(quant_level=level)
    assert config.quant_level == stored
    assert type(config.quant_level) is type(stored)


@pytest.mark.parametrize("make", CONFIGS)
@pytest.mark.parametrize("level", [2, True, 1.0, "2", "Auto", None], ids=repr)
def test_quant_level_refused(make, level):
    assert f"`quant_level` must be one of auto, 0, 1, got {level!r}" in message(ValueError, make, quant_level=level)


@pytest.mark.parametrize("make", CONFIGS)
def test_excluded_precisions(make):
    assert make().use_bf16 is True
    config = make(excluded_precisions=("bf16",), **({"precisions": "fp16"} if make is MixedPrecisionConfig else {}))
    assert (config.excluded_precisions, config.use_bf16) == (["bf16"], False)
    text = message(ValueError, make, excluded_precisions=["bfloat16"])
    assert text == "`excluded_precisions[0]` must be one of bf16, fp16, got 'bfloat16'; did you mean 'bf16'?"


@pytest.mark.parametrize("make", CONFIGS)
@pytest.mark.parametrize(
    "fields, text",
    [
        ({"device": "cuda"}, "`device` must be one of cpu, gpu, npu, xpu, got 'cuda'"),
        ({"backend": "onnxruntme"}, "got 'onnxruntme'; did you mean 'onnxruntime'?"),
        ({"op_name_dict": {"(": {}}}, "`op_name_dict key` is not a valid regular expression, got '('"),
    ],
    ids=["device", "backend", "op_name_dict"],
)
def test_shared_fields_are_checked(make, fields, text):
    assert text in message(ValueError, make, **fields)


@pytest.mark.parametrize("make", CONFIGS)
def test_inputs_and_outputs(make):
    config = make(inputs="input_ids", outputs=("logits", "loss"))
    assert (config.inputs, config.outputs) == (["input_ids"], ["logits", "loss"])
    assert message(TypeError, make, inputs=["a", 1]) == "`inputs[1]` must be a string, got 1 (int)."


@pytest.mark.parametrize("make", [PostTrainingQuantConfig, QuantizationAwareTrainingConfig])
def test_reduce_range(make):
    assert [make(reduce_range=value).reduce_range for value in (None, True, False)] == [None, True, False]
    assert message(TypeError, make, reduce_range=1) == "`reduce_range` must be True or False, got 1 (int)."


# PostTrainingQuantConfig


def test_ptq_positional_order():
    config = PostTrainingQuantConfig(
        *("gpu", "ipex", "nlp", {"smooth_quant": True}, "QDQ", ["x"], ["y"], "dynamic", [8]),
        *({"Linear": {}}, {"lm_head": {}}, True, "example", ["fp16"], 1, None, None, True, "run"),
    )
    assert config.to_dict() == {
        "device": "gpu",
        "backend": "ipex",
        "domain": "nlp",
        "recipes": {"smooth_quant": True},
        "quant_format": "QDQ",
        "inputs": ["x"],
        "outputs": ["y"],
        "approach": "dynamic",
        "calibration_sampling_size": [8],
        "op_type_dict": {"Linear": {}},
        "op_name_dict": {"lm_head": {}},
        "reduce_range": True,
        "example_inputs": "example",
        "excluded_precisions": ["fp16"],
        "quant_level": 1,
        "accuracy_criterion": AccuracyCriterion().to_dict(),
        "tuning_criterion": TuningCriterion().to_dict(),
        "diagnosis": True,
        "ni_workload_name": "run",
    }


@pytest.mark.parametrize(
    "given, stored",
    [
        ("static", "static"),
        ("weight_only", "weight_only"),
        ("post_training_static_quant", "static"),
        ("post_training_dynamic_quant", "dynamic"),
        ("post_training_auto_quant", "auto"),
        ("post_training_weight_only", "weight_only"),
    ],
)
def test_approach_is_stored_short(given, stored):
    assert PostTrainingQuantConfig(approach=given).approach == stored


def test_approach_errors():
    text = message(ValueError, PostTrainingQuantConfig, approach="statik")
    assert text == f"`approach` must be one of {', '.join(APPROACHES)}, got 'statik'; did you mean 'static'?"
    text = message(ValueError, PostTrainingQuantConfig, approach="statics")  # INC takes what contains a name
    assert "got 'statics'; did you mean 'static'?" in text
    text = message(ValueError, PostTrainingQuantConfig, approach="qqq")
    assert text == f"`approach` must be one of {', '.join(APPROACHES)}, got 'qqq'."
    assert message(TypeError, PostTrainingQuantConfig, approach=1) == "`approach` must be a string, got 1 (int)."


@pytest.mark.parametrize("size, stored", [(64, [64]), ([16, 32], [16, 32]), ((8,), [8])], ids=["int", "list", "tuple"])
def test_calibration_sampling_size(size, stored):
    assert PostTrainingQuantConfig(calibration_sampling_size=size).calibration_sampling_size == stored


@pytest.mark.parametrize(
    "size, error_type, text",
    [
        (0, ValueError, "`calibration_sampling_size` must be at least 1, got 0."),
        ([10, -1], ValueError, "`calibration_sampling_size[1]` must be at least 1, got -1."),
        ([], ValueError, "`calibration_sampling_size` is an empty list; give at least one number of samples."),
        (True, TypeError, "`calibration_sampling_size` must be an int, got True (bool)."),
        ("100", TypeError, "`calibration_sampling_size` must be an int, got '100' (str)."),
    ],
    ids=["zero", "negative", "empty", "bool", "str"],
)
def test_calibration_sampling_size_errors(size, error_type, text):
    assert message(error_type, PostTrainingQuantConfig, calibration_sampling_size=size) == text


@pytest.mark.parametrize(
    "fields, text",
    [
        ({"domain": "npl"}, "got 'npl'; did you mean 'nlp'?"),
        (
            {"quant_format": "qdq"},
            "`quant_format` must be one of default, QDQ, QOperator, got 'qdq'; did you mean 'QDQ'?",
        ),
    ],
    ids=["domain", "case"],
)
def test_ptq_choices(fields, text):
    assert message(ValueError, PostTrainingQuantConfig, **fields).endswith(text)


def test_example_inputs_are_kept_but_not_compared():
    inputs = {"input_ids": np.zeros((1, 4))}
    config = PostTrainingQuantConfig(example_inputs=inputs)
    assert config.example_inputs is inputs
    assert config == PostTrainingQuantConfig(example_inputs=None)


@pytest.mark.parametrize(
    "inputs, plain",
    [
        (np.zeros(3), None),
        ((np.zeros(3),), None),
        ({"input_ids": np.zeros(3)}, None),
        (SimpleNamespace(name_or_path="me/model"), "me/model"),
    ],
    ids=["array", "tuple", "dict", "named"],
)
@pytest.mark.parametrize("make", [PostTrainingQuantConfig, MixedPrecisionConfig])
def test_example_inputs_are_written_by_name_only(make, inputs, plain):
    config = make(example_inputs=inputs)
    assert config.to_dict()["example_inputs"] == plain
    assert make.from_dict(config.to_dict()) == config


# QuantizationAwareTrainingConfig, MixedPrecisionConfig


def test_qat_approach_and_order():
    config = QuantizationAwareTrainingConfig("cpu", "default", [], [], {"Linear": {"weight": {"dtype": "fp32"}}})
    assert config.op_type_dict == {"Linear": {"weight": {"dtype": ["fp32"]}}}
    assert config.approach == "quant_aware_training"
    assert "approach" not in config.to_dict()


@pytest.mark.parametrize(
    "given, stored", [("fp16", ["fp16"]), (["bf16", "fp16"], ["bf16", "fp16"])], ids=["str", "list"]
)
def test_precisions_are_stored_as_a_list(given, stored):
    assert MixedPrecisionConfig().precisions == ["bf16"]
    assert MixedPrecisionConfig(precisions=given).precisions == stored


@pytest.mark.parametrize(
    "fields, text",
    [
        ({"precisions": "int8"}, "`precisions` must be one of bf16, fp16, got 'int8'"),
        ({"precisions": []}, "`precisions` [] leaves nothing to use"),
        ({"excluded_precisions": ["bf16"]}, "`precisions` ['bf16'] leaves nothing to use beside"),
    ],
    ids=["unknown", "empty", "all excluded"],
)
def test_precisions_errors(fields, text):
    assert text in message(ValueError, MixedPrecisionConfig, **fields)
