"""The keywords of INC's migration guide, and second names of arguments."""

import pytest

from inc_hf.config import (
    AccuracyCriterion,
    MixedPrecisionConfig,
    PostTrainingQuantConfig,
    QuantizationAwareTrainingConfig,
    TuningCriterion,
)

CONFIGS = [PostTrainingQuantConfig, QuantizationAwareTrainingConfig, MixedPrecisionConfig]


@pytest.mark.parametrize("make", CONFIGS)
def test_they_become_the_criteria_and_one_warning_says_so(make, caplog):
    flat = {"strategy": "mse", "objective": "performance", "performance_only": False, "timeout": 0, "max_trials": 600}
    config = make(device="cpu", relative=0.02, **flat)
    assert config == make(
        tuning_criterion=TuningCriterion("mse", max_trials=600),
        accuracy_criterion=AccuracyCriterion(tolerable_loss=0.02),
    )
    name = make.__name__
    assert caplog.messages == [
        "`relative`, `strategy`, `objective`, `performance_only`, `timeout`, `max_trials` are keywords of INC's "
        f"migration guide; write `{name}(tuning_criterion=TuningCriterion(strategy='mse', max_trials=600), "
        "accuracy_criterion=AccuracyCriterion(tolerable_loss=0.02))`."
    ]


def test_as_the_guide_has_them_beside_the_criteria(caplog):
    tuning, goal = TuningCriterion(timeout=5, max_trials=7), AccuracyCriterion(tolerable_loss=0.05)
    config = PostTrainingQuantConfig(strategy="random", tuning_criterion=tuning, accuracy_criterion=goal)
    assert config.tuning_criterion == TuningCriterion("random", timeout=5, max_trials=7)
    assert config.accuracy_criterion == goal
    assert tuning == TuningCriterion(timeout=5, max_trials=7), "it may serve another config"
    caplog.clear()
    PostTrainingQuantConfig(strategy="basic")
    assert caplog.messages == [
        "`strategy` is a keyword of INC's migration guide; write `PostTrainingQuantConfig()`, which means the same."
    ]


def test_performance_only_is_one_trial():
    assert PostTrainingQuantConfig(performance_only=True, max_trials=600).tuning_criterion.max_trials == 1


@pytest.mark.parametrize(
    "flat, text",
    [
        ({"strategy": "bayes"}, "did you mean 'bayesian'"),
        ({"relative": "1%"}, "`relative` must be a number, got '1%'"),
        ({"relative": 0.1, "absolute": 0.1}, "`relative` and `absolute` are both given"),
        ({"performance_only": 1}, "`performance_only` must be True or False"),
        ({"strategy": "mse", "tuning_criterion": TuningCriterion("random")}, "is 'mse', and 'random' in the TuningCr"),
    ],
    ids=["value", "type", "both", "bool", "contradiction"],
)
def test_what_is_wrong_with_them(flat, text):
    with pytest.raises(ValueError, match=text):
        PostTrainingQuantConfig(**flat)


def test_what_is_no_keyword_at_all():
    with pytest.raises(TypeError, match="unexpected keyword argument 'strateg'"):
        PostTrainingQuantConfig(strateg="basic")


def test_second_names():
    assert MixedPrecisionConfig(precision="fp16") == MixedPrecisionConfig(precisions="fp16")
    assert QuantizationAwareTrainingConfig(op_type_list={"Linear": {}}).op_type_dict == {"Linear": {}}
    with pytest.raises(TypeError, match="`precision` is another name of `precisions`; pass one of them"):
        MixedPrecisionConfig(precision="fp16", precisions="bf16")
