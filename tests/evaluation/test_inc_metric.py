"""INC's `eval_dataloader` and `eval_metric`."""

import math

import pytest
import torch
from scored import predicted, split
from tiny import tiny_inputs, tiny_model
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from inc_hf.evaluation.inc_metric import METRICS, evaluate_metric


class Identity(nn.Module):
    """Gives back its input, so that a test writes the predictions down as inputs."""

    def forward(self, x):
        return x


LOGITS = torch.tensor([[3.0, 2.0, 1.0], [1.0, 3.0, 2.0], [1.0, 2.0, 3.0], [3.0, 1.0, 2.0]])
LABELS = torch.tensor([0, 0, 1, 2])
VALUES, TARGETS = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([1.0, 3.0, 1.0, 4.0])


def loader(x: torch.Tensor, y: torch.Tensor) -> DataLoader:
    return DataLoader(TensorDataset(x, y), batch_size=3)


class TestEvaluateMetric:
    @pytest.mark.parametrize(
        ("metric", "expected"),
        [
            ("accuracy", 0.25),
            ("Accuracy", 0.25),
            ({"topk": 1}, 0.25),
            ({"topk": 2}, 0.75),
            ({"topk": 3}, 1.0),
            ("topk", 0.25),
            ({"accuracy": {}}, 0.25),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("labels", [LABELS, LABELS[:, None]], ids=["row", "column"])
    def test_of_classes(self, metric, expected, labels):
        assert evaluate_metric(loader(LOGITS, labels), metric)(Identity()) == expected

    @pytest.mark.parametrize(("metric", "expected"), [("mse", 1.25), ("RMSE", math.sqrt(1.25)), ("mae", 0.75)])
    @pytest.mark.parametrize("targets", [TARGETS, TARGETS[:, None]], ids=["row of targets", "column of targets"])
    @pytest.mark.parametrize("values", [VALUES, VALUES[:, None]], ids=["row", "column"])
    def test_of_numbers(self, metric, expected, values, targets):
        score = evaluate_metric(loader(values, targets), metric)(Identity())
        assert score == pytest.approx(expected) and isinstance(score, float)

    def test_mse_of_several_outputs(self):
        x, y = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 0.0], [0.0, 4.0]])
        assert evaluate_metric(loader(x, y), "mse")(Identity()) == pytest.approx((4 + 9) / 4)

    def test_f1(self):
        """Predicted 1, 0, 1, 1, 0; true 1, 1, 0, 1, 0: two true positives, one false, one missed."""
        logits = torch.eye(2)[[1, 0, 1, 1, 0]]
        assert evaluate_metric(loader(logits, torch.tensor([1, 1, 0, 1, 0])), "f1")(Identity()) == pytest.approx(2 / 3)

    def test_f1_without_positives(self):
        assert evaluate_metric(loader(torch.eye(2)[[0, 0]], torch.tensor([0, 0])), "f1")(Identity()) == 0.0

    def test_object(self):
        class ErrorRate:
            """INC's interface; `seen` shows that each evaluation starts anew."""

            def __init__(self):
                self.wrong, self.seen = 99, 99

            def reset(self):
                self.wrong = self.seen = 0

            def update(self, preds, labels):
                self.wrong += int((preds.argmax(-1) != labels).sum())
                self.seen += len(labels)

            def result(self):
                return self.wrong / self.seen

        metric = ErrorRate()
        evaluate = evaluate_metric(loader(LOGITS, LABELS), metric)
        assert [evaluate(Identity()), evaluate(Identity())] == [0.75, 0.75]
        assert metric.seen == 4

    @pytest.mark.parametrize("form", ["dict", "pair"])
    def test_of_a_transformers_model(self, form):
        model = tiny_model("bert", num_labels=3)
        inputs = tiny_inputs(model, 6)
        labels = predicted(model, inputs)
        labels[0] = (labels[0] + 1) % 3
        batches = split({**inputs, "labels": labels}, 4)
        if form == "pair":
            batches = [({k: v for k, v in batch.items() if k != "labels"}, batch["labels"]) for batch in batches]
        with torch.no_grad():
            assert evaluate_metric(batches, "accuracy")(model) == pytest.approx(5 / 6)

    @pytest.mark.parametrize(
        ("metric", "message"),
        [
            ("bleu", f"Unknown metric 'bleu'; choose one of {', '.join(METRICS)}, or pass an object"),
            ({"bleu": 1}, "Unknown metric 'bleu'"),
            ({"GLUE": {"task": "mrpc"}}, "Unknown metric 'GLUE'; choose one of"),
            (7, "Unknown metric 7"),
            ({"topk": 1, "sharpness": {}}, "Unknown metric 'sharpness'"),
            ({}, "names no metric"),
            ({"MSE": {"compare_label": False}}, "'MSE'.* takes no settings, got 'compare_label'"),
            ({"topk": {"n": 1}}, "'topk' takes only 'k', got 'n'"),
            ({"accuracy": 5}, "'accuracy'.* takes no settings, got 5"),
            (
                {"f1": "samples"},
                "average of the metric 'f1' must be one of binary, micro, macro, weighted, got 'samples'",
            ),
            ({"topk": 0}, "`k`.*at least 1, got 0"),
            ({"topk": "five"}, "`k`.*at least 1, got 'five'"),
        ],
        ids=str,
    )
    def test_bad_metric(self, metric, message):
        """Known before the first batch is read."""
        with pytest.raises(ValueError, match=message):
            evaluate_metric(None, metric)

    def test_missing_labels(self):
        model = tiny_model("bert")
        with pytest.raises(ValueError, match="needs labels: the batches have .*'input_ids'"):
            evaluate_metric([tiny_inputs(model)], "accuracy")(model)

    @pytest.mark.parametrize("batch", [torch.ones(2, 3), (torch.ones(2, 3),)], ids=["tensor", "tuple of one"])
    def test_missing_labels_of_tensors(self, batch):
        with pytest.raises(ValueError, match="needs labels: a batch is .* pass pairs"):
            evaluate_metric([batch], "accuracy")(Identity())

    def test_the_last_of_a_tuple_is_the_label(self):
        class Sum(nn.Module):
            def forward(self, x, y):
                return x + y

        batch = (LOGITS, torch.zeros_like(LOGITS), LABELS)
        assert evaluate_metric([batch], "accuracy")(Sum()) == 0.25

    @pytest.mark.parametrize("data", [[], iter([])], ids=["list", "iterator"])
    def test_no_data(self, data):
        with pytest.raises(ValueError, match="evaluation data is empty"):
            evaluate_metric(data, "accuracy")(Identity())

    def test_data_that_can_be_read_once_only(self):
        evaluate = evaluate_metric(iter(loader(LOGITS, LABELS)), "accuracy")
        assert evaluate(Identity()) == 0.25
        with pytest.raises(ValueError, match="evaluation data is empty, or an iterator"):
            evaluate(Identity())
