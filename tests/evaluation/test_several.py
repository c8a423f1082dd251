"""Several metrics: which count, what each weighs and may lose, and what contradicts itself."""

import pytest
import torch
from fitting import config, images, net
from torch.utils.data import DataLoader, TensorDataset

from inc_hf import AccuracyCriterion, MixedPrecisionConfig
from inc_hf.config import set_resume_from
from inc_hf.evaluation.scoring import scoring
from inc_hf.experimental.conf_data import metric_of
from inc_hf.migrate.conf.fields import Named
from inc_hf.migrate.conf.tuning_sections import AccuracySection
from inc_hf.mix_precision import fit as mix
from inc_hf.quantization import fit
from inc_hf.quantizer import IncQuantizer
from inc_hf.results.story import goal_by

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")

FLOAT = {"accuracy": 0.9, "f1": 0.8, "loss": 0.5}
QUANTIZED = {"accuracy": 0.89, "f1": 0.7, "loss": 0.52}


def outcome(criterion: AccuracyCriterion | None, metric_name=None, baseline=FLOAT, trial=QUANTIZED):
    """Whether a trial is accepted, its score, and the goal."""
    evaluate = scoring(lambda model: scores.pop(0), metric_name=metric_name, criterion=criterion)
    scores = [baseline, trial]
    goal = goal_by(evaluate, evaluate(net()))
    score = evaluate.of_trial(net())
    return goal.is_met_by(score), score, goal


def absolute(**settings) -> AccuracyCriterion:
    return AccuracyCriterion(criterion="absolute", **settings)


class TestWeights:
    @pytest.mark.parametrize(
        "weight", [{"accuracy": 0.75, "f1": 0.25}, [0.75, 0.25], '{"accuracy": 0.75, "f1": 0.25}']
    )
    @pytest.mark.parametrize("loss, met", [(0.033, True), (0.032, False)])
    def test_the_sum_is_the_score(self, weight, loss, met):
        name = ["accuracy", "f1"]
        accepted, score, goal = outcome(absolute(weight=weight, tolerable_loss=loss), name)
        assert (score, goal.baseline) == pytest.approx((0.75 * 0.89 + 0.25 * 0.7, 0.75 * 0.9 + 0.25 * 0.8))
        assert accepted is met and goal.metric == "0.75 accuracy + 0.25 f1" and not goal.parts
        assert score.scores == QUANTIZED, "also what does not count"

    def test_names_are_those_of_the_weights(self):
        assert outcome(absolute(weight={"f1": 2, "accuracy": 0}))[1] == pytest.approx(1.4)

    def test_of_a_list(self):
        accepted, score, goal = outcome(AccuracyCriterion(weight=[1, 3]), None, [0.9, 0.8], (0.89, 0.79))
        assert score == pytest.approx(0.89 + 3 * 0.79) and goal.metric == "1 0 + 3 1"
        assert score.scores == {"0": 0.89, "1": 0.79} and not accepted, "4 of 330 are more than 1 %"

    def test_lower_is_better_of_both(self):
        weight = {"eval_loss": 1, "mse": 1}
        baseline, better = {"eval_loss": 1.0, "mse": 2.0}, {"eval_loss": 1.2, "mse": 1.7}
        accepted, score, goal = outcome(AccuracyCriterion(weight=weight), None, baseline, better)
        assert accepted and not goal.criterion.higher_is_better and score == pytest.approx(2.9)


class TestEachWithinItsOwn:
    @pytest.mark.parametrize(
        "losses, met",
        [
            ({"accuracy": 0.02, "f1": 0.11, "loss": 0.03}, True),
            ({"accuracy": 0.02, "f1": 0.11}, True),
            ({"accuracy": 0.02, "f1": 0.09, "loss": 0.03}, False),
            ({"loss": 0.01}, False),
            ({"loss": 0.0201}, True),
        ],
        ids=str,
    )
    def test_all_have_to_be_met(self, losses, met):
        accepted, score, goal = outcome(absolute(tolerable_loss=losses))
        first = next(iter(losses))
        assert accepted is met and score == QUANTIZED[first] and goal.metric == first
        assert goal.parts.keys() == losses.keys()
        assert (goal.missed_by(score) <= 0) is met

    @pytest.mark.parametrize("loss, met", [(0.13, True), (0.12, False)])
    def test_one_loss_for_all_that_are_named_is_each_ones_own(self, loss, met):
        """INC's way with several metrics without weights: 0.7 of 0.8 are 12.5 % less, 0.89 of 0.9 are 1.1 %."""
        assert outcome(AccuracyCriterion(tolerable_loss=loss), ["accuracy", "f1"])[0] is met

    def test_lists_go_by_the_order_of_the_names(self):
        criterion = absolute(tolerable_loss=[0.11, 0.02])
        assert outcome(criterion, ["f1", "accuracy"])[0] and not outcome(criterion, ["accuracy", "f1"])[0]
        both = absolute(tolerable_loss=[0.1, 0.1], higher_is_better=[True, False])
        assert outcome(both, None, [0.5, 0.5], [0.45, 0.55])[0] and not outcome(both, None, [0.5, 0.5], [0.6, 0.65])[0]

    def test_with_weights_they_decide_and_the_sum_is_the_score(self):
        losses = {"accuracy": 0.02, "f1": 0.11}
        weight = {"accuracy": 0.5, "f1": 0.5}
        accepted, score, goal = outcome(absolute(tolerable_loss=losses, weight=weight))
        assert accepted and score == pytest.approx(0.795) and goal.target == pytest.approx(0.85 - 0.065)

    def test_how_far_it_is_missed_is_that_of_the_worst(self):
        goal = outcome(absolute(tolerable_loss={"accuracy": 0.01, "f1": 0.05}))
        assert goal[2].missed_by(goal[1]) == pytest.approx(1.0), "f1 lost 0.1, twice of what it may"


BOTH = ["accuracy", "f1"]
WRONG = {
    "a metric that is not returned": (absolute(tolerable_loss={"bleu": 0.1}), None, FLOAT, "returned no 'bleu', only"),
    "a name that is not returned": (None, ["accuracy", "bleu"], FLOAT, "returned no 'bleu', only accuracy, f1, loss"),
    "fewer weights": (absolute(weight=[1]), BOTH, FLOAT, "`weight` has 1 values for 2 metrics"),
    "more weights than scores": (absolute(weight=[1, 2, 3]), None, [0.5, 0.4], "`weight` has 3 values for 2 metrics"),
    "fewer losses": (absolute(tolerable_loss=[0.1]), BOTH, FLOAT, "`tolerable_loss` has 1 values for 2 metrics"),
    "a loss of what does not count": (absolute(tolerable_loss={"loss": 0.1}), BOTH, FLOAT, "has 'loss', but the"),
    "no weight": (absolute(weight={"f1": 1}), BOTH, FLOAT, "`weight` has none for 'accuracy'"),
    "two directions": (absolute(weight=[1, 1]), ["accuracy", "loss"], FLOAT, "A weighted sum has one direction"),
    "two in a list": (absolute(weight=[1, 1], higher_is_better=[True, False]), None, [1.0, 2.0], "one direction"),
    "against a name": (absolute(higher_is_better={"loss": True}), None, FLOAT, "'loss' a lower score is better"),
    "one direction for both": (
        absolute(higher_is_better=True), ["accuracy", "loss"], FLOAT, "'loss' a lower score is better",
    ),
    "names for more": (None, ["accuracy", "f1"], [0.5], "returned 1 scores, but 2 are to count"),
    "one number": (absolute(weight=[1, 1]), None, 0.5, "must return a dict or a list of scores"),
    "text": (None, BOTH, {"accuracy": 0.5, "f1": "high"}, "must return a number or a dict of numbers, got 'high'"),
    "NaN": (None, BOTH, {"accuracy": 0.5, "f1": float("nan")}, "must return a number, got {.*'f1': nan}"),
    "infinite": (None, None, float("inf"), "scores inf, with which nothing can be compared"),
    "nothing": (absolute(weight=[1, 1]), None, {}, "returned no score at all"),
    "a name twice": (None, ["f1", "f1"], FLOAT, "each once"),
    "a name that is none": (None, [3], FLOAT, "`metric_name\\[0\\]` must be a string"),
}  # fmt: skip


@pytest.mark.parametrize("criterion, name, result, message", WRONG.values(), ids=WRONG)
def test_what_contradicts_itself_is_told_before_a_trial_begins(criterion, name, result, message, workspace):
    calls = []
    with pytest.raises(ValueError, match=message):
        fit(net(), config("dynamic", criterion), eval_func=lambda m: calls.append(m) or result, metric_name=name)
    assert len(calls) <= 1 and not workspace.exists()


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"weight": []}, "`weight` is empty"),
        ({"weight": [0, 0]}, "no weight above 0"),
        ({"weight": [-1, 1]}, r"`weight\[0\]` must be a finite number in \[0"),
        ({"weight": 0.5}, "must be a list or a dict"),
        ({"tolerable_loss": {"f1": -1}}, r"`tolerable_loss\['f1'\]` must be"),
        ({"tolerable_loss": {}}, "`tolerable_loss` is empty"),
        ({"tolerable_loss": "much"}, "`tolerable_loss` must be a number"),
        ({"higher_is_better": [1, 0]}, r"`higher_is_better\[0\]` must be True or False"),
    ],
    ids=str,
)
def test_settings_that_are_none(settings, message):
    with pytest.raises(ValueError, match=message):
        AccuracyCriterion(**settings)


def test_settings_come_back_from_a_file(tmp_path):
    criterion = AccuracyCriterion(tolerable_loss={"f1": 0.1}, weight={"f1": 1.0}, higher_is_better={"f1": True})
    criterion.save(tmp_path / "goal.json")
    assert AccuracyCriterion.load(tmp_path / "goal.json") == criterion


def test_scores_of_a_search_are_kept_and_told(workspace, caplog):
    """And a search with other metrics does not take over trials that do not say how they score by these."""
    scores = iter([FLOAT, QUANTIZED, FLOAT | {"accuracy": 0.895}])
    goal = absolute(tolerable_loss={"accuracy": 0.05, "f1": 0.05})
    result = fit(net(), config("dynamic", goal), eval_func=lambda model: next(scores))
    assert [t.meets_goal for t in result.trials] == [False, True]
    assert [t.scores for t in result.trials] == [QUANTIZED, FLOAT | {"accuracy": 0.895}]
    assert result.all_scores == result.trials[1].scores and result.baseline_scores == FLOAT
    assert result.summary()["tuning"]["all_scores"]["accuracy"] == 0.895 == result.score
    assert "missed by f1 0.7000 (goal 0.7500)" in caplog.text
    set_resume_from(workspace)
    again = fit(net(), config("dynamic", goal), eval_func=lambda model: FLOAT)
    assert again.score == 0.895 and len(again.trials) == 2, "both trials were taken up"
    calls = []
    other = absolute(tolerable_loss={"accuracy": 0.05, "bleu": 0.05})
    new = fit(net(), config("dynamic", other), eval_func=lambda m: calls.append(m) or FLOAT | {"bleu": 0.4})
    assert new.met_criterion and len(calls) == 2


def test_mix_precision_and_the_quantizer_take_them():
    goal = absolute(tolerable_loss={"accuracy": 0.05, "f1": 0.05})
    assert mix(net(), MixedPrecisionConfig(accuracy_criterion=goal), eval_func=lambda m: FLOAT).all_scores == FLOAT
    quantizer = IncQuantizer(net(), eval_fn=lambda model: FLOAT, metric_name=["f1", "loss"])
    result = quantizer.quantize(config())
    assert result.score == 0.8 and result.met_criterion


@pytest.fixture(scope="module")
def loader():
    x = images(30)
    with torch.no_grad():
        labels = net()(x).argmax(-1)
    return DataLoader(TensorDataset(x, labels), batch_size=8)


class TestEvalMetric:
    def test_incs_form(self, loader):
        metric = {"topk": {"k": 2}, "f1": {"average": "macro"}, "weight": [0.5, 0.5], "higher_is_better": [True, True]}
        result = fit(net(), config(), eval_dataloader=loader, eval_metric=metric)
        assert result.baseline == 1.0 and result.baseline_scores == {"topk": 1.0, "f1": 1.0}
        assert result.metric == "0.5 topk + 0.5 f1"
        assert result.score == pytest.approx(sum(result.all_scores.values()) / 2)

    def test_each_its_own(self, loader):
        goal = AccuracyCriterion(tolerable_loss={"accuracy": 0.5, "topk": 0.0})
        result = fit(net(), config("dynamic", goal), eval_dataloader=loader, eval_metric={"accuracy": None, "topk": 4})
        assert result.met_criterion and result.all_scores["topk"] == 1.0

    def test_the_direction_of_one(self, loader):
        metric = {"accuracy": None, "higher_is_better": [True]}
        assert fit(net(), config(), eval_dataloader=loader, eval_metric=metric).baseline == 1.0

    def test_settings_of_one_metric_only(self, loader):
        with pytest.raises(ValueError, match="`weight` has 2 values for 1 metrics"):
            fit(net(), config(), eval_dataloader=loader, eval_metric={"accuracy": None, "weight": [1, 2]})


def test_multi_metrics_of_a_conf():
    section = AccuracySection(
        multi_metrics=[Named("topk", {"": 2}), Named("accuracy"), Named("weight", {"": [1.0, 3.0]})]
    )
    assert metric_of(section) == {"topk": 2, "accuracy": None, "weight": [1.0, 3.0]}
