"""What has no score: unknown tasks, labels that are missing, data that is not there."""

import pytest
import torch
from scored import inputs_of, of_task
from tiny import tiny_inputs, tiny_model

from inc_hf.evaluation.tasks import evaluate_task
from inc_hf.models.tasks import SCORED


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
