import pytest
import torch

from inc_hf.distill.progress import RunningMeans


def test_means_are_weighted_and_start_anew():
    means = RunningMeans(("a", "b"), torch.device("cpu"))
    means.add("a", torch.tensor(1.0), 3)
    means.add("a", torch.tensor(5.0, requires_grad=True), torch.tensor(1))
    means.add("a", torch.tensor(float("nan")), 0)
    assert means.pop() == {"a": pytest.approx(2.0)}
    means.add("b", torch.tensor(7.0).bfloat16(), 1)
    assert means.pop() == {"b": 7.0}
    assert means.pop() == {}
