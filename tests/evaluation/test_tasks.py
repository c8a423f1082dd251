"""Scores by task, on labels that the models themselves predict."""

import pytest
import torch
from scored import inputs_of, of_task, predicted, split
from tiny import tiny_inputs, tiny_model

from inc_hf.evaluation.tasks import evaluate_task


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
