"""Configs that are changed after they were made: checked at the assignment, and as a whole when they are used."""

import copy
import pickle

import pytest

from inc_hf.config import (
    AccuracyCriterion,
    BenchmarkConfig,
    DistillationConfig,
    IntermediateLayersKnowledgeDistillationLossConfig,
    KnowledgeDistillationLossConfig,
    MixedPrecisionConfig,
    Options,
    PostTrainingQuantConfig,
    QuantizationAwareTrainingConfig,
    TuningCriterion,
    WeightPruningConfig,
)

FP32 = {"Linear": {"weight": {"dtype": "fp32"}}}
# config, field, what is assigned, what is stored
GOOD = {
    "approach": (PostTrainingQuantConfig, "post_training_dynamic_quant", "dynamic"),
    "calibration_sampling_size": (PostTrainingQuantConfig, 50, [50]),
    "op_type_dict": (QuantizationAwareTrainingConfig, FP32, {"Linear": {"weight": {"dtype": ["fp32"]}}}),
    "precisions": (MixedPrecisionConfig, "fp16", ["fp16"]),
    "tuning_criterion": (PostTrainingQuantConfig, {"max_trials": 3}, TuningCriterion(max_trials=3)),
    "tolerable_loss": (AccuracyCriterion, 1, 1.0),
    "objective": (TuningCriterion, ("accuracy",), ["accuracy"]),
    "op_names": (WeightPruningConfig, "encoder", ["encoder"]),
    "optimizer": (DistillationConfig, None, {}),
    "loss_weights": (KnowledgeDistillationLossConfig, (0, 1), [0.0, 1.0]),
    "inputs": (BenchmarkConfig, "input_ids", ["input_ids"]),
}
BAD = {
    "approach": (PostTrainingQuantConfig, "dynamik", "did you mean 'dynamic'"),
    "calibration_sampling_size": (PostTrainingQuantConfig, 0, "must be at least 1, got 0"),
    "op_name_dict": (QuantizationAwareTrainingConfig, {"(": {}}, "no valid|not a valid regular expression"),
    "backend": (MixedPrecisionConfig, "onnx", "`backend` must be one of"),
    "quant_level": (PostTrainingQuantConfig, 2, "one of auto, 0, 1"),
    "accuracy_criterion": (PostTrainingQuantConfig, {"tolerable_los": 0.1}, "did you mean 'tolerable_loss'"),
    "relative": (AccuracyCriterion, -0.1, "`relative` must be a finite number"),
    "absolute": (AccuracyCriterion, "1%", "`absolute` must be a number"),
    "strategy": (TuningCriterion, "bayes", "did you mean 'bayesian'"),
    "pattern": (WeightPruningConfig, "4*1", "`pattern` must be"),
    "criterion": (DistillationConfig, 3, "`criterion` must be"),
    "temperature": (KnowledgeDistillationLossConfig, 0, "`temperature` must be"),
    "iteration": (BenchmarkConfig, 0, "`iteration` must be"),
    "random_seed": (Options, -1, "`random_seed` must be"),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_assigned_gets_its_plain_form(name):
    make, value, stored = GOOD[name]
    config = make()
    setattr(config, name, value)
    assert config[name] == stored
    assert config == make(**{name: value})


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused_changes_nothing(name):
    make, value, text = BAD[name]
    config = make()
    before = copy.deepcopy(config.to_dict())
    with pytest.raises(ValueError, match=text):
        setattr(config, name, value)
    assert config.to_dict() == before


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_copies_are_checked_too(copied):
    config = copied(PostTrainingQuantConfig())
    with pytest.raises(ValueError, match="did you mean 'dynamic'"):
        config.approach = "dynamik"


@pytest.mark.parametrize("kind", ["relative", "absolute"])
def test_a_loss_that_is_assigned_says_what_it_is(kind):
    criterion = AccuracyCriterion(criterion="absolute" if kind == "relative" else "relative")
    setattr(criterion, kind, 0.5)
    assert criterion == AccuracyCriterion(criterion=kind, tolerable_loss=0.5)
    assert not criterion.direction_is_given
    criterion.higher_is_better = True
    assert criterion.direction_is_given


def test_rules_of_two_fields_wait_until_the_config_is_used():
    config = MixedPrecisionConfig()
    config.excluded_precisions = ["bf16"]
    config.precisions = "fp16"
    config.check()
    config.precisions = "bf16"
    with pytest.raises(ValueError, match="leaves nothing to use"):
        config.check()
    steps = WeightPruningConfig(end_step=5)
    steps.start_step = 10
    steps.end_step = 20
    steps.check()
    layers = IntermediateLayersKnowledgeDistillationLossConfig()
    layers.layer_mappings = [[("a",)], [("b",)]]
    layers.check()
    assert layers.loss_types == ["MSE", "MSE"]


def test_what_was_changed_inside_is_brought_into_its_plain_form():
    config = PostTrainingQuantConfig()
    config.op_type_dict["Linear"] = FP32["Linear"]
    config.check()
    assert config.op_type_dict == {"Linear": {"weight": {"dtype": ["fp32"]}}}
    config.op_type_dict["Linear"] = {"weigth": {}}
    with pytest.raises(ValueError, match="did you mean 'weight'"):
        config.check()


def test_a_name_that_is_no_field_is_said(caplog):
    config = PostTrainingQuantConfig()
    config.aproach = "dynamic"
    assert caplog.messages == ["Nothing reads `aproach` of a PostTrainingQuantConfig; did you mean 'approach'?"]
    assert config == PostTrainingQuantConfig()


def test_the_settings_of_pruning_as_inc_shows_them():
    config = WeightPruningConfig([{"pattern": "1x1"}], target_sparsity=0.5)
    view = config.weight_compression
    view.target_sparsity, view["end_step"] = 0.75, 9
    assert (config.target_sparsity, view["target_sparsity"], config.end_step) == (0.75, 0.75, 9)
    with pytest.raises(ValueError, match=r"in \[0, 1\)"):
        view.target_sparsity = 1
    with pytest.raises(AttributeError, match="no setting 'sparsity'; did you mean 'target_sparsity'"):
        view.sparsity  # noqa: B018 as it is the reading that fails
