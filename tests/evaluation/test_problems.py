"""What a sample's answer is: one class, several labels, a number; and labels that do not fit it."""

from types import SimpleNamespace

import pytest
import torch
from scored import inputs_of, of_task, predicted, split
from sklearn.metrics import f1_score
from tiny import tiny_inputs, tiny_model
from torch import nn

from inc_hf.errors import UsageError
from inc_hf.evaluation.inc_metric import evaluate_metric
from inc_hf.evaluation.tasks import evaluate_task


class TestProblems:
    """What a sample's answer is: one class, several labels, a number."""

    def model_of(self, problem: str | None, num_labels: int = 3):
        return tiny_model("bert", num_labels=num_labels, problem_type=problem)

    def evaluated(self, model, labels, metric=None) -> dict[str, float]:
        batches = split({**tiny_inputs(model, 6), "labels": labels}, 4)
        return evaluate_task(model, batches, "text-classification", metric)

    @pytest.mark.parametrize("problem", ["multi_label_classification", None], ids=["said", "seen by the labels"])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.int64], ids=str)
    def test_several_labels_count_one_by_one(self, problem, dtype):
        model = self.model_of(problem)
        with torch.no_grad():
            labels = (model(**tiny_inputs(model, 6)).logits > 0).to(dtype)
        labels[0, 0], labels[5, 2] = 1 - labels[0, 0], 1 - labels[5, 2]
        assert self.evaluated(model, labels) == {"accuracy": pytest.approx(16 / 18)}

    @pytest.mark.parametrize(
        ("problem", "labels", "metric", "message"),
        [
            (
                "regression",
                torch.randn(6),
                "sst2",
                "'sst2' does not fit .* one number a sample .regression.: choose 'stsb'",
            ),
            (None, torch.zeros(6).long(), "stsb", "'stsb' does not fit .* gives classes: choose one of 'cola'"),
            (None, torch.zeros(6).long(), "mrpc", "'mrpc' does not fit .* multiclass .3 classes."),
            (None, torch.ones(6, 3), "cola", "'cola' does not fit .* several labels: leave the metric out"),
            (None, torch.tensor([0, 1, 2, 0, 1, 3]), None, "label 3 in row 5"),
            (None, torch.tensor([0, 1, 2, 0, -1, 1]), "sst2", "label -1 in row 4"),
            (None, torch.full((6, 3), 0.5), None, "label 0.5 in row 0"),
            (None, torch.zeros(4).long(), None, "does not fit the model"),
        ],
        ids=["numbers", "classes", "F1", "labels", "too large", "negative", "neither 0 nor 1", "too few"],
    )
    def test_what_does_not_fit(self, problem, labels, metric, message):
        model = self.model_of(problem, 1 if problem == "regression" else 3)
        inputs = tiny_inputs(model, 6)
        batches = [{**inputs, "labels": labels}] if len(labels) < 6 else split({**inputs, "labels": labels}, 4)
        with pytest.raises(UsageError, match=message):
            evaluate_task(model, batches, "text-classification", metric)

    def test_several_numbers_have_no_metric(self):
        with pytest.raises(
            UsageError, match="Several numbers a sample .regression. have no metric here; pass `eval_fn`"
        ):
            self.evaluated(self.model_of("regression"), torch.randn(6, 3))

    @pytest.mark.parametrize("task", ["question-answering", "text-generation"])
    def test_another_task_than_that_of_the_model(self, task):
        model = self.model_of(None)
        batch = {**tiny_inputs(model, 6), "labels": torch.ones(6, dtype=torch.long)}
        with pytest.raises(UsageError, match=f"is not for the task '{task}': it gives no .*; choose its own task"):
            evaluate_task(model, [batch], task)

    @pytest.mark.parametrize("evaluate", [evaluate_task, lambda m, b, t: evaluate_metric(b, "accuracy")(m)])
    def test_texts_longer_than_the_model_takes(self, evaluate):
        model = tiny_model("bert", max_position_embeddings=8)
        batch = {"input_ids": torch.ones(2, 9, dtype=torch.long), "labels": torch.ones(2, dtype=torch.long)}
        with pytest.raises(UsageError, match="The evaluation data does not fit the model: The expanded size"):
            evaluate(model, [batch], "text-classification")

    def test_labels_that_are_true_or_false(self):
        model = self.model_of(None, 2)
        inputs = tiny_inputs(model, 6)
        assert self.evaluated(model, model(**inputs).logits.argmax(-1) == 1) == {"accuracy": 1.0}

    def test_positions_beyond_the_text(self):
        model = of_task("question-answering")
        batch = {**inputs_of(model, "question-answering", 2), "start_positions": torch.tensor([3, 10])}
        with pytest.raises(UsageError, match="label 10 in row 1 .* labels are 0 to 9"):
            evaluate_task(model, [{**batch, "end_positions": torch.tensor([3, 4])}], "question-answering")

    def test_a_token_that_a_decoder_does_not_know(self):
        model = of_task("text2text-generation")
        labels = torch.tensor([[5, 6, 7], [5, 96, -100]])
        with pytest.raises(UsageError, match="label 96 in row 1"):
            evaluate_task(model, [{**inputs_of(model, "t2t", 2), "labels": labels}], "text2text-generation")

    @pytest.mark.parametrize("metric", ["accuracy", {"topk": 2}, "f1"], ids=str)
    def test_classes_of_a_model_of_numbers(self, metric):
        model = self.model_of(None, num_labels=1)
        with pytest.raises(UsageError, match="one number a sample.*choose mse, rmse or mae"):
            evaluate_metric([({**tiny_inputs(model, 6)}, torch.randn(6))], metric)(model)

    def test_f1_of_several_classes(self):
        model = self.model_of(None)
        data = [(tiny_inputs(model, 6), torch.tensor([0, 1, 2, 0, 1, 2]))]
        with pytest.raises(UsageError, match='"f1" is of class 1 of two, and the model has 3 classes'):
            evaluate_metric(data, "f1")(model)
        found = evaluate_metric(data, {"f1": "macro"})(model)
        assert found == pytest.approx(f1_score(data[0][1], predicted(model, data[0][0]), average="macro"))

    def test_spans(self):
        model = of_task("question-answering")
        batch = {**inputs_of(model, "question-answering", 2), "start_positions": torch.tensor([3, 4])}
        with pytest.raises(UsageError, match="Spans are scored by"):
            evaluate_metric([batch], "accuracy")(model)

    def test_labels_as_words(self):
        model = self.model_of(None)
        words = [model.config.id2label[int(number)] for number in predicted(model, tiny_inputs(model, 6))]
        assert evaluate_metric([(tiny_inputs(model, 6), words)], "accuracy")(model) == 1.0


def test_a_metric_of_fewer_classes_than_the_model_has():
    class ThreeClasses(nn.Module):
        def forward(self, input_ids, labels):
            return SimpleNamespace(logits=torch.eye(3))

    batch = {"input_ids": torch.zeros(3, 2, dtype=torch.long), "labels": torch.tensor([0, 1, 1])}
    with pytest.raises(UsageError, match="The metric of 'mrpc' does not fit the predictions: Target is multiclass"):
        evaluate_task(ThreeClasses(), [batch], "text-classification", "mrpc")
