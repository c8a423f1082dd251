"""The float model's score, which a workspace keeps."""

import json
import re

import pytest
import torch
from fitting import NEVER_MET, ErrorAgainstFloat, config, damaged_bert, images, net
from tiny import tiny_inputs, tiny_tokenizer

from inc_hf import IncQuantizer
from inc_hf.models.fingerprint import fingerprint_of_batches
from inc_hf.quantization import fit

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")


def data_of(labels=(0, 1, 2, 3, 0, 1)) -> list:
    return [(images()[i : i + 1], torch.tensor([label])) for i, label in enumerate(labels)]


class Counted:
    """Counts the calls of a model, which are those of the evaluation."""

    def __init__(self, model):
        self.model, self.calls = model, 0
        model.register_forward_pre_hook(self.count)

    def count(self, module, args):
        self.calls += 1 if module is self.model else 0


def search(model, data=None, metric="accuracy", **settings):
    """How often the float model ran; the result."""
    counted = Counted(model)
    data = data_of() if data is None else data
    result = fit(model, config(**settings), eval_dataloader=data, eval_metric=metric)
    return counted.calls, result


def test_the_second_search_evaluates_a_few_batches_only(workspace, caplog):
    first_calls, first = search(net())
    calls, second = search(net())
    assert calls == first_calls - 6 + 4
    assert second.baseline == first.baseline and second.metric == first.metric == "accuracy"
    assert [t.label for t in second.trials] == [t.label for t in first.trials] and second.q_config == first.q_config
    assert "it is not evaluated again" in caplog.text
    (entry,) = json.loads((workspace / "baselines.json").read_text())["baselines"]
    assert entry["score"] == first.baseline and set(entry["reached"]) == {"conv", "head", "hidden"}


@pytest.mark.parametrize("other", ["weights", "labels", "inputs", "metric", "batches"])
def test_something_else_is_measured(other, workspace):
    before, _ = search(net())
    model, data, metric = net(), data_of(), "accuracy"
    if other == "weights":
        model.head.bias.data.add_(1)
    if other == "labels":
        data[5] = (data[5][0], torch.tensor([2]))
    if other == "inputs":
        data[0] = (data[0][0] + 1, data[0][1])
    if other == "metric":
        metric = {"topk": 2}
    if other == "batches":
        data = [(images(), torch.cat([label for _, label in data]))]
        before -= 5
    assert search(model, data, metric)[0] == before
    assert len(json.loads((workspace / "baselines.json").read_text())["baselines"]) == 2


def test_a_function_of_the_user_is_always_called(workspace):
    model = damaged_bert()
    evaluate = ErrorAgainstFloat(model)
    for calls in (2, 4):
        fit(model, config(max_trials=1, goal=NEVER_MET), eval_func=evaluate)
        assert evaluate.calls == calls
    assert not (workspace / "baselines.json").exists()


class Right:
    """A metric of the user."""

    def reset(self):
        self.count = 0

    def update(self, outputs, labels):
        self.count += 1

    def result(self):
        return self.count


@pytest.mark.parametrize(
    "data, metric",
    [(None, Right()), ([(image, label) for image, label in data_of()], Right())],
    ids=["object", "object, list"],
)
def test_an_object_of_the_user_is_always_asked(data, metric, workspace):
    assert search(net(), data, metric)[0] == search(net(), data, metric)[0]
    assert not (workspace / "baselines.json").exists()


def test_a_labelled_dataset(workspace):
    samples = [{"text": text, "label": label} for text, label in [("good film", 1), ("bad film", 0)] * 10]
    scores, calls = [], []
    for _ in range(2):
        model = damaged_bert()
        counted = Counted(model)
        quantizer = IncQuantizer(model, task="text-classification", tokenizer=tiny_tokenizer())
        result = quantizer.quantize(config(), eval_dataset=samples, batch_size=2)
        scores.append((result.baseline, result.metric, result.score))
        calls.append(counted.calls)
    assert scores[0] == scores[1] and calls[0] - calls[1] == 10 - 4


@pytest.mark.parametrize("text", ["", "{", '{"version": 2}', '{"version": 1, "baselines": [{"model": 1}]}'])
def test_a_damaged_file_costs_an_evaluation_and_stays(text, workspace, caplog):
    workspace.mkdir()
    (workspace / "baselines.json").write_text(text)
    result = fit(net(), config(), eval_dataloader=data_of(), eval_metric="accuracy")
    assert result.baseline is not None and (workspace / "baselines.json").read_text() == text
    assert re.search(r"baselines.json has no scores of float models .*; move the file away", caplog.text)


def test_fingerprint_of_batches():
    batch = tiny_inputs(damaged_bert())
    assert fingerprint_of_batches([batch]) == fingerprint_of_batches([dict(reversed(batch.items()))])
    others = [[], [batch, batch], [{**batch, "input_ids": batch["input_ids"] + 1}], [batch["input_ids"]]]
    others += [[("a", 1)], [("a", 2)], [torch.zeros(2).bfloat16()], [torch.zeros(2)]]
    assert len({fingerprint_of_batches(each) for each in others}) == len(others)
    assert fingerprint_of_batches([object()]) is None, "which could be anything"
