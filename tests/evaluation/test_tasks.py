import math
from types import SimpleNamespace

import pytest
import torch
import transformers
from sklearn.metrics import f1_score
from tiny import MODELS, tiny_inputs, tiny_model
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from inc_hf.errors import UsageError
from inc_hf.evaluation.inc_metric import evaluate_metric
from inc_hf.evaluation.tasks import evaluate_task
from inc_hf.models.tasks import SCORED

ENCODER = {**MODELS["bert"][2], "vocab_size": 96}
AUDIO = {
    **MODELS["bert"][2],
    "conv_dim": [8, 8, 8],
    "conv_stride": [5, 4, 4],
    "conv_kernel": [10, 8, 8],
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "classifier_proj_size": 8,
}


def of_class(name: str, **values) -> transformers.PreTrainedModel:
    torch.manual_seed(3)
    model_class = getattr(transformers, name)
    model = model_class(model_class.config_class(**values)).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.15)
    return model


def of_task(task: str) -> transformers.PreTrainedModel:
    return {
        "text-classification": lambda: tiny_model("bert", num_labels=3),
        "image-classification": lambda: tiny_model("vit", num_labels=3),
        "audio-classification": lambda: of_class("Wav2Vec2ForSequenceClassification", num_labels=3, **AUDIO),
        "token-classification": lambda: of_class("BertForTokenClassification", num_labels=3, **ENCODER),
        "multiple-choice": lambda: of_class("BertForMultipleChoice", **ENCODER),
        "fill-mask": lambda: of_class("BertForMaskedLM", **ENCODER),
        "text2text-generation": lambda: tiny_model("t5", decoder_start_token_id=0),
        "question-answering": lambda: of_class("BertForQuestionAnswering", **ENCODER),
        "text-generation": lambda: tiny_model("opt"),
    }[task]()


def inputs_of(model: transformers.PreTrainedModel, task: str, count: int = 6) -> dict[str, torch.Tensor]:
    if task == "audio-classification":
        return {"input_values": torch.randn(count, 800)}
    inputs = tiny_inputs(model, 3 * count if task == "multiple-choice" else count)
    inputs.pop("decoder_input_ids", None)
    return {k: v.reshape(count, 3, -1) for k, v in inputs.items()} if task == "multiple-choice" else inputs


@torch.no_grad()
def predicted(model: nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    return model(**inputs).logits.argmax(-1)


def split(batch: dict[str, torch.Tensor], size: int) -> list[dict[str, torch.Tensor]]:
    """The same samples in batches of unequal sizes."""
    return [{k: v[:size] for k, v in batch.items()}, {k: v[size:] for k, v in batch.items()}]


class TestAccuracy:
    @pytest.mark.parametrize(
        "task", ["text-classification", "image-classification", "audio-classification", "multiple-choice"]
    )
    def test_of_samples(self, task):
        """4 of 6 labels are the model's own predictions, one is another class, one is not to be counted."""
        model = of_task(task)
        inputs = inputs_of(model, task)
        labels = predicted(model, inputs)
        assert labels.shape == (6,)
        labels[0] = (labels[0] + 1) % 3
        labels[5] = -100
        batches = split({**inputs, "labels": labels}, 4)
        assert evaluate_task(model, batches, task) == {"accuracy": pytest.approx(4 / 5)}

    @pytest.mark.parametrize("task", ["token-classification", "fill-mask"])
    def test_of_tokens(self, task):
        """60 tokens: 10 ignored, 5 wrong, 45 right."""
        model = of_task(task)
        inputs = inputs_of(model, task)
        labels = predicted(model, inputs)
        labels[0] = -100
        labels[1, :5] = (labels[1, :5] + 1) % 3
        batches = split({**inputs, "labels": labels}, 2)
        assert evaluate_task(model, batches, task) == {"accuracy": pytest.approx(45 / 50)}

    def test_of_a_decoder(self):
        """The token at each position is predicted from those before it, labels are those of the decoder."""
        model = of_task("text2text-generation")
        inputs = inputs_of(model, "text2text-generation")
        labels = torch.randint(5, 96, (6, 4))
        with torch.no_grad():
            predictions = model(**inputs, labels=labels).logits.argmax(-1)
        labels[:, 3] = predictions[:, 3]  # the last label is nobody's input, so that the predictions stay
        right = int((predictions == labels).sum())
        assert right >= 6
        score = evaluate_task(model, [{**inputs, "labels": labels}], "text2text-generation")
        assert score == {"accuracy": pytest.approx(right / 24)}
        labels[:, 3] = -100
        score = evaluate_task(model, [{**inputs, "labels": labels}], "text2text-generation")
        assert score == {"accuracy": pytest.approx((right - 6) / 18)}

    def test_of_question_answering(self):
        """Starts and ends count alike: 5 of 6 starts and 4 of 6 ends."""
        model = of_task("question-answering")
        inputs = inputs_of(model, "question-answering")
        with torch.no_grad():
            output = model(**inputs)
        starts, ends = output.start_logits.argmax(-1), output.end_logits.argmax(-1)
        starts[0] = (starts[0] + 1) % 10
        ends[:2] = (ends[:2] + 1) % 10
        batches = split({**inputs, "start_positions": starts, "end_positions": ends}, 5)
        assert evaluate_task(model, batches, "question-answering") == {"accuracy": pytest.approx(9 / 12)}


class TestNextToken:
    def continued(self, model):
        """3 sequences, 4 tokens of each chosen by the model itself, so that it predicts those."""
        ids = torch.randint(5, 96, (3, 5))
        for _ in range(4):
            with torch.no_grad():
                ids = torch.cat([ids, model(input_ids=ids).logits[:, -1:].argmax(-1)], 1)
        return ids

    def test_without_labels_the_inputs_are_predicted(self):
        model = of_task("text-generation")
        ids = self.continued(model)
        with torch.no_grad():
            right = int((model(input_ids=ids).logits[:, :-1].argmax(-1) == ids[:, 1:]).sum())
        assert right >= 12
        assert evaluate_task(model, [{"input_ids": ids}], "text-generation") == {
            "accuracy": pytest.approx(right / (3 * 8))
        }

    def test_padding_does_not_count(self):
        model = of_task("text-generation")
        ids = self.continued(model)
        padded = torch.cat([ids, torch.zeros(3, 6, dtype=torch.long)], 1)
        mask = torch.cat([torch.ones_like(ids), torch.zeros(3, 6, dtype=torch.long)], 1)
        score = evaluate_task(model, [{"input_ids": padded, "attention_mask": mask}], "text-generation")
        assert score == evaluate_task(model, [{"input_ids": ids}], "text-generation")

    def test_labels_choose_what_counts(self):
        model = of_task("text-generation")
        ids = self.continued(model)
        labels = ids.clone()
        labels[:, :5] = -100
        batch = {"input_ids": ids, "labels": labels}
        assert evaluate_task(model, [batch], "text-generation") == {"accuracy": 1.0}
        labels[0, 5] = (labels[0, 5] + 1) % 96
        assert evaluate_task(model, [batch], "text-generation") == {"accuracy": pytest.approx(11 / 12)}


class TestMetric:
    def labelled(self, wrong: list[int]):
        """8 samples with the model's own predictions as labels, those in `wrong` turned over."""
        model = tiny_model("bert", num_labels=2)
        inputs = tiny_inputs(model, 8)
        with torch.no_grad():
            logits = model(**inputs).logits
            model.classifier.bias[1] += (logits[:, 0] - logits[:, 1]).median()  # so that both classes are predicted
        predictions = predicted(model, inputs)
        labels = predictions.clone()
        labels[wrong] = 1 - labels[wrong]
        return model, {**inputs, "labels": labels}, predictions, labels

    def test_accuracy_is_the_default(self):
        model, batch, _, _ = self.labelled([0, 1])
        assert evaluate_task(model, [batch], "text-classification") == {"accuracy": 0.75}
        assert evaluate_task(model, [batch], "text-classification", "sst2") == {"accuracy": 0.75}

    @pytest.mark.parametrize("task", ["mrpc", "qqp"])
    def test_f1(self, task):
        model, batch, predictions, labels = self.labelled([0, 3])
        assert 0 < predictions.sum() < 8
        true_positives = int(((predictions == 1) & (labels == 1)).sum())
        expected = 2 * true_positives / int(predictions.sum() + labels.sum())
        assert evaluate_task(model, [batch], "text-classification", task) == {"f1": pytest.approx(expected)}

    def test_matthews(self):
        model, batch, predictions, labels = self.labelled([0, 3])
        correlation = torch.corrcoef(torch.stack([predictions, labels]).double())[0, 1]
        score = evaluate_task(model, [batch], "text-classification", "cola")
        assert score == {"matthews_correlation": pytest.approx(float(correlation))}

    @pytest.mark.parametrize("metric", [None, "stsb"])
    def test_one_label_gives_pearson(self, metric):
        model = tiny_model("bert", num_labels=1)
        inputs = tiny_inputs(model, 6)
        labels = torch.tensor([0.0, 1.0, 2.5, 3.0, 4.0, 5.0])
        with torch.no_grad():
            outputs = model(**inputs).logits[:, 0]
        expected = float(torch.corrcoef(torch.stack([outputs, labels]).double())[0, 1])
        batches = split({**inputs, "labels": labels}, 4)
        assert evaluate_task(model, batches, "text-classification", metric) == {
            "pearson": pytest.approx(expected, abs=1e-6)
        }

    def test_unknown(self):
        """It says so before the model runs, which may take an hour."""
        model, batch, _, _ = self.labelled([])
        calls = []
        model.register_forward_pre_hook(lambda module, args: calls.append(1))
        with pytest.raises(ValueError, match="'squad'.*choose one of.*mrpc"):
            evaluate_task(model, [batch], "text-classification", "squad")
        assert calls == []


class TestBadInput:
    def test_unknown_task(self):
        with pytest.raises(
            ValueError, match="Unknown task 'sentiment'; choose one of audio-classification, fill-mask"
        ):
            evaluate_task(tiny_model("bert"), [], "sentiment")

    @pytest.mark.parametrize("task", sorted(SCORED.keys() - {"text-generation", "text2text-generation"}))
    def test_missing_labels(self, task):
        model = of_task(task)
        inputs = inputs_of(model, task, 2)
        key = "start_positions" if task == "question-answering" else "labels"
        with pytest.raises(
            ValueError, match=rf"needs labels: the batches have \['.*{list(inputs)[-1]}.*'\], not '{key}'"
        ):
            evaluate_task(model, [inputs], task)

    def test_missing_labels_of_a_decoder(self):
        model = of_task("text2text-generation")
        batch = {
            **inputs_of(model, "text2text-generation", 2),
            "decoder_input_ids": torch.ones(2, 3, dtype=torch.long),
        }
        with pytest.raises(ValueError, match="needs labels: .*'decoder_input_ids', 'input_ids'.*not 'labels'"):
            evaluate_task(model, [batch], "text2text-generation")

    def test_missing_end_positions(self):
        model = of_task("question-answering")
        batch = {**inputs_of(model, "question-answering", 2), "start_positions": torch.zeros(2, dtype=torch.long)}
        with pytest.raises(ValueError, match="not 'end_positions'"):
            evaluate_task(model, [batch], "question-answering")

    def test_no_batches(self):
        with pytest.raises(ValueError, match="evaluation data is empty"):
            evaluate_task(tiny_model("bert"), iter([]), "text-classification")

    def test_nothing_but_ignored_labels(self):
        model = tiny_model("bert")
        batch = {**tiny_inputs(model), "labels": torch.full((3,), -100)}
        with pytest.raises(ValueError, match="-100"):
            evaluate_task(model, [batch], "text-classification")


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
            ("bleu", "Unknown metric 'bleu'; choose one of topk, accuracy, f1, mse, rmse, mae, or pass an object"),
            ({"bleu": 1}, "Unknown metric 'bleu'"),
            (7, "Unknown metric 7"),
            ({"topk": 1, "mse": {}}, "one metric, got topk, mse"),
            ({}, "one metric, got"),
            ({"MSE": {"compare_label": False}}, "'MSE'.* takes no settings, got {'compare_label': False}"),
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


def test_a_metric_of_fewer_classes_than_the_model_has():
    class ThreeClasses(nn.Module):
        def forward(self, input_ids, labels):
            return SimpleNamespace(logits=torch.eye(3))

    batch = {"input_ids": torch.zeros(3, 2, dtype=torch.long), "labels": torch.tensor([0, 1, 1])}
    with pytest.raises(UsageError, match="The metric of 'mrpc' does not fit the predictions: Target is multiclass"):
        evaluate_task(ThreeClasses(), [batch], "text-classification", "mrpc")
