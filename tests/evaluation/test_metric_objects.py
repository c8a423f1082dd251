"""INC's metrics as objects, and their names."""

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics

from inc_hf.errors import UsageError
from inc_hf.evaluation.metric_objects import BaseMetric
from inc_hf.evaluation.metric_registry import METRICS, PYTORCH_METRICS, Metric, metric_registry, object_of

FORMS = {"tensors": torch.tensor, "arrays": np.array, "lists": list, "lists of tensors": lambda x: [*torch.tensor(x)]}
LOGITS = [[0.0, 0.2, 0.9, 0.3], [0.0, 0.9, 0.8, 0.0]]
# name -> what it is made with, predictions, labels, score. The numbers are those of INC's own tests.
SCORES = {
    "topk": [
        ({}, LOGITS, [2, 2], 0.5),
        ({"k": 2}, LOGITS, [2, 2], 1.0),
        ({}, LOGITS, [[0, 1, 0, 0], [0, 0, 1, 0]], 0.0),
        ({"k": 2}, LOGITS, [[0, 1, 0, 0], [0, 0, 1, 0]], 0.5),
        ({}, LOGITS, [[2], [0]], 0.5),
        ({}, [0.0, 0.2, 0.9, 0.3], [2], 1.0),
    ],
    "Accuracy": [
        ({}, [1, 0, 1, 1], [0, 1, 1, 1], 0.5),
        ({}, [[0, 0], [0, 0]], [[0, 1], [1, 1]], 0.25),
        ({}, [[0.1, 0.9], [0.8, 0.2]], [1, 1], 0.5),
        ({}, [[0.1, 0.9], [0.8, 0.2]], [[1], [0]], 1.0),
        ({}, [[1], [0]], [1, 1], 0.5),
    ],
    "MAE": [({}, [1, 0, 0, 1], [0, 1, 0, 0], 0.75), ({"compare_label": False}, [[1.0], [3.0]], [1.0, 1.0], 1.0)],
    "MSE": [({}, [1, 0, 0, 1], [0, 1, 0, 0], 0.75), ({}, [[1.0], [3.0]], [1.0, 1.0], 2.0)],
    "RMSE": [({}, [1, 0, 0, 1], [1, 0, 0, 0], 0.5)],
    "Loss": [({}, [0.5, 1.5], [0, 0], 1.0)],
}
CASES = [(name, *case) for name, cases in SCORES.items() for case in cases]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("name, settings, preds, labels, score", CASES)
def test_scores(name, settings, preds, labels, score, form):
    metric = METRICS("pytorch")[name](**settings)
    metric.update(form(preds), form(labels))
    assert metric.result() == pytest.approx(score)
    metric.update(form(preds), form(labels))  # twice the same has the same score
    assert metric.result() == pytest.approx(score)
    metric.reset()
    assert metric.result() == 0


def test_means_are_over_samples_not_over_batches():
    for name, preds, labels in (("MSE", [[0.0], [0.0, 0.0, 0.0]], [[4.0], [0.0, 0.0, 0.0]]), ("topk", None, None)):
        metric = METRICS("pytorch_fx")[name]()
        if name == "MSE":
            for pred, label in zip(preds, labels, strict=True):
                metric.update(pred, label)
            assert metric.result() == 4.0
        else:
            metric.update(torch.eye(3), [0, 1, 2])
            metric.update(torch.eye(3)[:1], [1])
            assert metric.result() == 0.75
    single = METRICS("pytorch")["topk"]()
    single.update([0, 0.2, 0.9, 0.3], 2)  # one sample, and its label as a number
    assert single.result() == 1


def test_f1():
    f1 = METRICS("pytorch")["F1"]()
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(40, 2, generator=generator)
    labels = torch.randint(0, 2, (40,), generator=generator)
    for rows in (slice(0, 30), slice(30, 40)):
        f1.update(logits[rows], labels[rows])
    assert f1.result() == pytest.approx(sklearn_metrics.f1_score(labels, logits.argmax(1)))
    f1.reset()
    f1.update([1, 1], [2, 1, 1])  # of lists it is the overlap, as in INC
    assert f1.result() == 0.8
    f1.reset()
    f1.update([1, 1, 1, 1], [0, 1, 1, 0])
    assert f1.result() == 0.5
    with pytest.raises(UsageError, match='class 1 of two, got others; for more pass `eval_metric={"f1": "macro"}`'):
        f1.update(np.array([0, 2]), np.array([0, 1]))


def test_higher_is_better():
    better = {name: kind.higher_is_better for name, kind in PYTORCH_METRICS.items()}
    assert better == {
        "topk": True, "Accuracy": True, "F1": True, "Loss": False, "MAE": False, "RMSE": False, "MSE": False,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["Accuracy", "MAE", "MSE", "RMSE"])
def test_shapes_that_do_not_fit(name):
    for preds, labels in (([1], [1, 2]), (1, [1, 2]), ([1, 2], [1]), (np.ones((2, 3, 4)), np.ones((3, 2)))):
        with pytest.raises(UsageError, match="do not fit labels of shape"):
            METRICS("pytorch")[name]().update(preds, labels)


def test_wrong_uses():
    with pytest.raises(UsageError, match=r"Unknown metric 'Acuracy'; choose one of topk, .*did you mean 'Accuracy'\?"):
        METRICS("pytorch")["Acuracy"]
    with pytest.raises(UsageError, match="got 'tensorflow': .* stay with `neural-compressor<3`"):
        METRICS("tensorflow")
    with pytest.raises(UsageError, match="`k` of topk must be an int of at least 1, got 0"):
        METRICS("pytorch")["topk"](k=0)
    with pytest.raises(UsageError, match="topk got 2 samples, and labels of shape"):
        METRICS("pytorch")["topk"]().update(LOGITS, [1, 2, 3])
    with pytest.raises(TypeError, match="must have `update`, `reset` and `result`; not"):
        object_of(Metric("mine", dict))
    with pytest.raises(TypeError, match="'topk' cannot be made of {'q': 1}"):
        object_of(Metric("topk", q=1))


def test_a_metric_of_ones_own(monkeypatch):
    monkeypatch.setattr("inc_hf.evaluation.metric_registry.PYTORCH_METRICS", dict(PYTORCH_METRICS))

    @metric_registry("count", "tensorflow, pytorch")
    class Count(BaseMetric):
        def __init__(self, start=0):
            self.start = start

        def update(self, preds, labels=None, sample_weight=None):
            self.count += len(preds)

        def reset(self):
            self.count = self.start

        def result(self):
            return self.count

    assert METRICS("pytorch")["count"] is Count
    assert object_of(Metric("count", start=3)).start == 3 and object_of(Metric(metric_cls=Count, start=2)).start == 2
    own = Count()
    assert object_of(Metric("mine", own)) is own and object_of("accuracy") == "accuracy"
    with pytest.raises(UsageError, match="There is a metric 'count' already"):
        metric_registry("count", "pytorch")(Count)
    with pytest.raises(UsageError, match="MXNet has been retired"):
        metric_registry("other", "mxnet")
