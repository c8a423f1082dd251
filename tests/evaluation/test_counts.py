"""Metrics that count batch by batch, compared with scikit-learn."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn
from tiny import TinyNet

from inc_hf.errors import UsageError
from inc_hf.evaluation.answers import answers_of, numbers_of
from inc_hf.evaluation.counts import F1, Accuracy, MeanError

MODEL = TinyNet()


def counted(count, outputs, labels, read=lambda *args: answers_of(MODEL, *args)) -> float:
    for first in range(0, len(outputs), 3):
        count.update(read(outputs[first : first + 3], labels[first : first + 3]))
    return count.result()


def data(seed: int, samples: int, classes: int, several: bool) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randn(samples, classes, generator=generator)
    shape = (samples, classes) if several else (samples,)
    return outputs, torch.randint(0, 2 if several else classes, shape, generator=generator)


sizes = {"seed": st.integers(0, 99), "samples": st.integers(1, 10), "classes": st.integers(2, 4)}


@settings(max_examples=20, deadline=None)
@given(**sizes)
def test_one_class_a_sample(seed, samples, classes):
    outputs, labels = data(seed, samples, classes, several=False)
    predicted = outputs.argmax(-1)
    assert counted(Accuracy(), outputs, labels) == pytest.approx(sklearn.accuracy_score(labels, predicted))
    for k in range(2, classes):
        expected = sklearn.top_k_accuracy_score(labels, outputs, k=k, labels=range(classes))
        assert counted(Accuracy(k), outputs, labels) == pytest.approx(expected)
    for average in ("micro", "macro", "weighted", *(["binary"] if classes == 2 else [])):
        expected = sklearn.f1_score(labels, predicted, average=average, zero_division=0.0)
        assert counted(F1(average), outputs, labels) == pytest.approx(expected)


@settings(max_examples=20, deadline=None)
@given(**sizes)
def test_several_labels_a_sample(seed, samples, classes):
    outputs, labels = data(seed, samples, classes, several=True)
    expected = 1 - sklearn.hamming_loss(labels, outputs > 0)
    for kind in (labels, labels.float()):
        assert counted(Accuracy(), outputs, kind) == pytest.approx(expected)
    for average in ("micro", "macro", "weighted"):
        expected = sklearn.f1_score(labels, outputs > 0, average=average, zero_division=0.0)
        assert counted(F1(average), outputs, labels) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("count", "function"),
    [
        (MeanError(squared=True), sklearn.mean_squared_error),
        (MeanError(squared=True, root=True), sklearn.root_mean_squared_error),
        (MeanError(squared=False), sklearn.mean_absolute_error),
    ],
    ids=["mse", "rmse", "mae"],
)
@pytest.mark.parametrize("shape", [(7,), (7, 1)], ids=["row", "column"])
def test_numbers(count, function, shape):
    outputs, labels = torch.randn(shape), torch.randn(7)
    assert counted(count, outputs, labels, numbers_of) == pytest.approx(function(labels, outputs.reshape(7)))


@pytest.mark.parametrize("several", [False, True], ids=["classes", "labels"])
def test_f1_of_one_class_where_there_are_more(several):
    outputs, labels = data(1, 6, 3, several)
    with pytest.raises(UsageError, match='"f1" is of class 1 of two, and the model has 3 .* choose {"f1": "macro"}'):
        counted(F1(), outputs, labels)


@pytest.mark.parametrize(
    "count", [Accuracy(), Accuracy(5), F1(), F1("macro")], ids=["accuracy", "topk", "f1", "macro"]
)
def test_classes_of_a_model_that_gives_numbers(count):
    with pytest.raises(UsageError, match="one number a sample.*choose mse, rmse or mae"):
        counted(count, torch.randn(4, 1), torch.randn(4))


def test_the_likeliest_of_fewer_classes():
    with pytest.raises(UsageError, match="`k` of topk is 4, but the model has 3 classes"):
        counted(Accuracy(4), *data(1, 6, 3, several=False))


@pytest.mark.parametrize("count", [Accuracy(), F1("macro")], ids=["accuracy", "f1"])
def test_nothing_that_is_to_be_counted(count):
    with pytest.raises(UsageError, match="All labels are -100"):
        counted(count, torch.randn(4, 3), torch.full((4,), -100))
