"""Scores by the evaluation that the user gives."""

import math

import numpy as np
import pytest
import torch
from fitting import config, net
from torch.utils.data import DataLoader, TensorDataset

from inc_hf.config import AccuracyCriterion
from inc_hf.evaluation.scoring import check_score, scoring
from inc_hf.quantization import fit

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")


def test_the_model_is_evaluated_without_gradients_and_left_as_it_was():
    model = net().train()
    model.head.eval()
    seen = []

    def evaluate(model):
        seen.append((torch.is_grad_enabled(), model.training))
        return {"a": 1, "b": 0.5}

    assert scoring(evaluate, metric_name="b")(model) == 0.5 and seen == [(False, False)]
    assert model.training and not model.head.training


def test_without_an_evaluation():
    assert scoring() is None


class TestCheckScore:
    @pytest.mark.parametrize(
        ("score", "metric"),
        [
            (0.5, None),
            (np.float32(0.5), None),
            (np.float64(0.5), "accuracy"),
            (np.array(0.5), None),
            (torch.tensor(0.5), None),
            (torch.tensor([0.5]), None),
            ({"accuracy": 0.5}, None),
            ({"accuracy": 0.5}, "accuracy"),
            ({"accuracy": np.float64(0.5), "f1": 0.4}, "accuracy"),
            ({"f1": 0.4, "accuracy": torch.tensor(0.5)}, "accuracy"),
            ({"f1": math.nan, "accuracy": 0.5}, "accuracy"),
        ],
        ids=[
            "float",
            "numpy float32",
            "numpy float64 with a name",
            "numpy 0-d",
            "torch 0-d",
            "torch of one",
            "one key",
            "one key, named",
            "several keys, numpy",
            "several keys, torch",
            "NaN elsewhere",
        ],
    )
    def test_half(self, score, metric):
        value = check_score(score, metric)
        assert value == 0.5 and type(value) is float

    @pytest.mark.parametrize("score", [3, np.int64(3), torch.tensor(3)], ids=["int", "numpy", "torch"])
    def test_integers(self, score):
        value = check_score(score)
        assert value == 3.0 and type(value) is float

    @pytest.mark.parametrize(
        "score",
        [
            "good",
            "0.5",
            None,
            [0.5],
            [0.1, 0.2],
            (),
            torch.tensor([0.1, 0.2]),
            np.array([0.1, 0.2]),
            {"accuracy": "high"},
            {"accuracy": None},
            {"accuracy": [0.5, 0.6]},
            1 + 2j,
        ],
        ids=[
            "text",
            "number as text",
            "None",
            "list of one",
            "list",
            "empty tuple",
            "tensor",
            "array",
            "dict of text",
            "dict of None",
            "dict of a list",
            "complex",
        ],
    )
    def test_not_a_number(self, score):
        with pytest.raises(TypeError, match="must return a number or a dict of numbers, got"):
            check_score(score)

    @pytest.mark.parametrize("score", [math.nan, np.float32("nan"), torch.tensor(math.nan), {"a": math.nan}], ids=repr)
    def test_nan(self, score):
        with pytest.raises(ValueError, match="must return a number, got .*nan"):
            check_score(score)

    def test_several_without_a_name(self):
        with pytest.raises(ValueError, match=r'several scores \(accuracy, f1\).*metric_name="accuracy"'):
            check_score({"accuracy": 0.5, "f1": 0.4})

    def test_unknown_name(self):
        with pytest.raises(ValueError, match="returned no 'mcc', only accuracy, f1"):
            check_score({"accuracy": 0.5, "f1": 0.4}, "mcc")

    @pytest.mark.parametrize("metric", [None, "accuracy"], ids=["unnamed", "named"])
    def test_empty_dict(self, metric):
        with pytest.raises(ValueError, match="an empty dict"):
            check_score({}, metric)


class TestEvalMetric:
    x = torch.randn(30, 3, 8, 8, generator=torch.Generator().manual_seed(5))

    def loader(self, kind: str):
        with torch.no_grad():
            outputs = net()(self.x)
        labels = {"classes": outputs.argmax(-1), "second": outputs.topk(2).indices[:, 1], "numbers": outputs}[kind]
        return DataLoader(TensorDataset(self.x, labels), batch_size=8)

    @pytest.mark.parametrize(
        ("kind", "metric", "baseline"),
        [
            ("classes", "accuracy", 1.0),
            ("classes", {"topk": 1}, 1.0),
            ("second", {"topk": 1}, 0.0),
            ("second", {"topk": 2}, 1.0),
            ("numbers", "mse", 0.0),
            ("numbers", "mae", 0.0),
        ],
        ids=["accuracy", "top 1", "top 1 of the second", "top 2", "mse", "mae"],
    )
    def test_by_name(self, kind, metric, baseline):
        is_error = kind == "numbers"
        goal = AccuracyCriterion(not is_error, "absolute", 0.2)
        result = fit(net(), config("dynamic", goal), eval_dataloader=self.loader(kind), eval_metric=metric)
        assert result.baseline == pytest.approx(baseline, abs=1e-6)
        assert result.met_criterion and len(result.trials) == 1
        assert (result.score > 0) if is_error else abs(result.score - baseline) <= 0.2

    def test_object(self):
        class Agreement:
            def reset(self):
                self.hits = []

            def update(self, preds, labels):
                self.hits.append(preds.argmax(-1) == labels)

            def result(self):
                return torch.cat(self.hits).double().mean()

        result = fit(net(), config(), eval_dataloader=self.loader("classes"), eval_metric=Agreement())
        assert result.baseline == 1.0 and result.met_criterion

    def test_eval_func_comes_first(self):
        result = fit(
            net(), config(), eval_func=lambda m: 0.25, eval_dataloader=self.loader("classes"), eval_metric="accuracy"
        )
        assert result.baseline == 0.25


@pytest.mark.parametrize("higher", [True, False], ids=["higher", "lower"])
def test_an_infinitely_good_candidate_is_the_worst(higher):
    """A division by zero in an evaluation is no success."""
    best = math.inf if higher else -math.inf
    evaluate = scoring(lambda model: best, criterion=AccuracyCriterion(higher_is_better=higher))
    assert math.isnan(evaluate.of_trial(net()))
    assert (
        scoring(lambda model: -best, criterion=AccuracyCriterion(higher_is_better=higher)).of_trial(net()) == -best
    ), "which is the worst already"


DATA = [(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long))] * 4


@pytest.mark.parametrize(
    ("metric", "arguments", "message"),
    [
        ("accuracy", {"metric_name": "f1"}, "`metric_name` names f1, and `eval_metric` has accuracy only"),
        ({"topk": 1, "f1": "macro"}, {"metric_name": ["f1", "mse"]}, "names mse, and `eval_metric` has topk, f1 only"),
        (
            {"topk": 1, "f1": "macro", "weight": [0.5, 0.5]},
            {"criterion": AccuracyCriterion(weight=[0.1, 0.9])},
            "`weight` is in `eval_metric` and in the accuracy criterion",
        ),
    ],
    ids=["name", "names", "weights"],
)
def test_what_says_two_things(metric, arguments, message):
    with pytest.raises(ValueError, match=message):
        scoring(eval_dataloader=DATA, eval_metric=metric, **arguments)


def test_batches_in_a_list_are_no_samples():
    assert scoring(eval_dataloader=DATA, eval_metric="accuracy").data is None
