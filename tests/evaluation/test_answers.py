"""What a model said beside what is right: which problem it is, which labels are refused."""

from types import SimpleNamespace

import pytest
import torch
from tiny import TinyNet

from inc_hf.errors import UsageError
from inc_hf.evaluation.answers import Problem, answers_of, logits_of, numbers_of

LOGITS = torch.tensor([[3.0, 2.0, 1.0], [1.0, 3.0, 2.0], [1.0, 2.0, 3.0]])


def model_for(problem: str | None) -> SimpleNamespace:
    return SimpleNamespace(config=SimpleNamespace(problem_type=problem))


@pytest.mark.parametrize(
    ("said", "outputs", "labels", "expected"),
    [
        (None, LOGITS, torch.tensor([0, 1, 2]), Problem.CLASSES),
        (None, LOGITS, torch.tensor([[0.0], [1.0], [2.0]]), Problem.CLASSES),
        (None, LOGITS, torch.eye(3), Problem.LABELS),
        (None, LOGITS, torch.eye(3).long(), Problem.LABELS),
        (None, LOGITS[:, :1], torch.tensor([0.5, 1.0, 2.0]), Problem.NUMBERS),
        (None, LOGITS[:, 0], torch.tensor([0.5, 1.0, 2.0]), Problem.NUMBERS),
        ("regression", LOGITS, torch.eye(3), Problem.NUMBERS),
        ("multi_label_classification", LOGITS[:, :1], torch.ones(3, 1), Problem.LABELS),
        (None, torch.zeros(2, 4, 3), torch.zeros(2, 4).long(), Problem.CLASSES),
    ],
    ids=["classes", "whole floats", "labels", "integer labels", "one", "a row", "regression", "one label", "tokens"],
)
def test_problem(said, outputs, labels, expected):
    model = TinyNet() if said is None else model_for(said)
    assert answers_of(model, outputs, labels).problem is expected


@pytest.mark.parametrize("logits", [LOGITS, torch.stack([LOGITS, LOGITS])], ids=["samples", "tokens"])
def test_what_is_not_to_be_counted_is_left_out(logits):
    labels = torch.full(logits.shape[:-1], -100)
    labels[..., 1] = 2
    answers = answers_of(TinyNet(), logits, labels)
    assert answers.labels.tolist() == [2] * (labels.numel() // 3) and torch.equal(answers.outputs[0], LOGITS[1])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3, 1], "label 3 in row 11 .* is out of range: labels are 0 to 2, or -100"),
        ([0, 1, -1], "label -1 in row 12"),
        ([0.5, 1.0, 2.0], "label 0.5 in row 10"),
        ([0.0, float("nan"), 2.0], "label nan in row 11"),
        ([[0, 1, 1], [0, 2, 0], [0, 0, 0]], "label 2 in row 11 .*: several labels a sample are 0 or 1 each"),
        ([[0, 1, 1], [0, 1, 0], [-100, 0, 0]], "label -100 in row 12"),
        ([0, 1], r"labels of shape \(2,\) for outputs of shape \(3, 3\)"),
    ],
    ids=["too large", "negative", "no class", "NaN", "neither 0 nor 1", "ignored label", "too few"],
)
def test_labels_that_are_refused(labels, message):
    with pytest.raises(UsageError, match=message):
        answers_of(TinyNet(), LOGITS, torch.tensor(labels), first_row=10)


@pytest.mark.parametrize(
    ("outputs", "labels", "message"),
    [
        (torch.ones(4, 2), torch.ones(4), "does not fit the model: labels of shape"),
        (torch.ones(2, 3), torch.ones(3, 2), "does not fit the model: labels of shape"),
        (torch.ones(2, 1), torch.tensor([0.0, float("nan")]), "label nan in row 1"),
    ],
    ids=["fewer", "another order", "NaN"],
)
def test_numbers_that_are_refused(outputs, labels, message):
    with pytest.raises(UsageError, match=message):
        numbers_of(outputs, labels)


@pytest.mark.parametrize(
    "output", [LOGITS, {"logits": LOGITS}, SimpleNamespace(logits=LOGITS), (LOGITS, None), [LOGITS]]
)
def test_logits(output):
    assert logits_of(output) is LOGITS


@pytest.mark.parametrize("output", [{"start_logits": LOGITS}, None, (None,)], ids=str)
def test_no_logits(output):
    with pytest.raises(UsageError, match='without `logits`.*task="question-answering"'):
        logits_of(output)
