"""What was changed, what was left, and why: as data, and in one line."""

import logging

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from inc_hf.coverage import Coverage, Left, Reason, coverage_of, weights_of


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.head = nn.Embedding(10, 4), nn.Linear(4, 10, bias=False)
        self.head.weight = self.words.weight
        normed = weight_norm(nn.Conv1d(4, 4, 2))
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Conv1d(4, 4, 3), normed, nn.GRU(4, 4)])
        self.norm = nn.LayerNorm(4)
        self.experts = nn.Parameter(torch.ones(2, 4, 4))
        self.position = nn.Parameter(torch.ones(1, 7, 4))
        self.again = self.layers[0]


def test_weights_of():
    found = {weight.names[0]: weight for weight in weights_of(Net())}
    assert {name: weight.size for name, weight in found.items()} == {
        "": 32,  # the experts, and no position
        "words": 40,
        "layers.0": 16,
        "layers.1": 48,
        "layers.2": 32,
        "layers.3": 48,  # twice
    }
    assert found["words"].names == ("words", "head") and found["layers.0"].names == ("layers.0", "again")


def test_reasons_are_grouped():
    weights = weights_of(nn.Sequential(*[nn.Linear(2, 2) for _ in range(8)]))
    reasons = {str(i): Reason("too small") for i in range(5)} | {"5": Reason("asked for", asked=True)}
    coverage = coverage_of("Quantized", weights, ["6"], reasons)
    assert (coverage.weights, coverage.changed, coverage.share) == (32, 4, 0.125)
    assert coverage.left == [
        Left("too small", 5, 20, ["0", "1", "2"]),
        Left("asked for", 1, 4, ["5"], asked=True),
        Left("left by default", 1, 4, ["7"]),
    ]
    assert str(coverage) == (
        "Quantized 12.5 % of 32 weights. Left as they were: 62.5 % too small: 0, 1, 2 and 2 more; "
        "12.5 % asked for: 5; 12.5 % left by default: 7."
    )


@pytest.mark.parametrize(
    ("changed", "asked", "level"),
    [
        (100, 0, "NOTICE"),
        (90, 0, "NOTICE"),
        (89, 0, "WARNING"),
        (20, 80, "NOTICE"),
        (10, 80, "WARNING"),
        (0, 100, "NOTICE"),
    ],
)
def test_a_warning_below_90_percent_of_what_was_not_left_on_request(changed, asked, level, caplog):
    left = [Left("on request", 1, asked, ["a"], asked=True), Left("otherwise", 1, 100 - changed - asked, ["b"])]
    with caplog.at_level(logging.INFO):
        Coverage("Quantized", 100, changed, left).log(logging.getLogger("inc_hf.test"))
    assert [record.levelname for record in caplog.records] == [level]


def test_to_dict_and_back():
    coverage = Coverage("Quantized", 200, 150, [Left("why", 2, 50, ["a", "b"])])
    assert coverage.to_dict()["share"] == 0.75 and Coverage.from_dict(coverage.to_dict()) == coverage


@pytest.mark.parametrize(
    ("weights", "changed", "line"),
    [
        (10**8, 10**8, "Quantized 100 % of 100.0 M weights."),
        (10**8, 10**8 - 1, "Quantized 99.9 % of 100.0 M weights."),
        (10**8, 1, "Quantized 0.1 % of 100.0 M weights."),
        (0, 0, "Quantized 100 % of 0 weights."),
    ],
)
def test_shares_are_rounded_to_no_lie(weights, changed, line):
    assert str(Coverage("Quantized", weights, changed)) == line
