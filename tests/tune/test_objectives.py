"""Which trial is the best, on trials that are written by hand; and how a latency is measured."""

import copy
import time

import pytest
import torch
from torch import nn

from inc_hf.config import AccuracyCriterion, TuningCriterion
from inc_hf.tune import Goal, Trial
from inc_hf.tune.latency import Latency
from inc_hf.tune.objectives import is_better, objectives_of

GOAL = Goal(1.0, AccuracyCriterion(criterion="absolute", tolerable_loss=0.1))


def trial(label: str, score: float = 0.95, latency: float | None = 0.5, size: int = 100, seconds: float = 1) -> Trial:
    return Trial(label, label, score, seconds, size, GOAL.is_met_by(score), 1, 1.0, latency)


FAST, SMALL, GOOD = trial("fast", 0.91, 0.3), trial("small", 0.92, 0.6, 50), trial("good", 0.99, 0.9)
MISSED = trial("missed", 0.8, 0.1, 10)


def best_of(trials: list[Trial], objective) -> str:
    best = trials[0]
    for one in trials[1:]:
        if is_better(one, best, GOAL, TuningCriterion(objective=objective)):
            best = one
    return best.label


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        ("performance", "fast"),
        ("modelsize", "small"),
        ("footprint", "small"),
        ("accuracy", "good"),
        ({"objective": ["performance", "modelsize"], "weight": [0.9, 0.1]}, "fast"),
        ({"objective": ["performance", "modelsize"], "weight": [0.1, 0.9]}, "small"),
        ({"objective": ["accuracy", "performance"], "weight": [1.0, 0.0]}, "good"),
        (["performance", "accuracy"], "fast"),
    ],
    ids=str,
)
def test_each_objective_picks_its_own(objective, expected):
    for trials in ([FAST, SMALL, GOOD, MISSED], [MISSED, GOOD, SMALL, FAST]):
        assert best_of(trials, objective) == expected


def test_what_differs_less_than_the_noise_is_equal_and_the_smaller_one_wins():
    a, b = trial("a", latency=0.50, size=100), trial("b", latency=0.51, size=60)
    assert best_of([a, b], "performance") == best_of([b, a], "performance") == "b"
    assert best_of([a, trial("c", latency=0.60, size=60)], "performance") == "a"


def test_the_time_of_the_evaluation_where_no_latency_is_known():
    assert best_of([trial("a", latency=None, seconds=2), trial("b", seconds=1)], "performance") == "b"


def test_weights_of_objectives():
    assert objectives_of(TuningCriterion()) == {"performance": 1.0}
    assert objectives_of(TuningCriterion(objective=["accuracy", "modelsize"])) == {"accuracy": 0.5, "modelsize": 0.5}


class Sleeping(nn.Module):
    def __init__(self, seconds: float):
        super().__init__()
        self.seconds, self.calls = seconds, 0

    def forward(self, x):
        self.calls += 1
        time.sleep(self.seconds)
        return x


def test_latency_is_a_ratio_to_the_float_model():
    model = Sleeping(0.01)
    ratio = Latency(model, [torch.zeros(20, 3)], copy.deepcopy)(Sleeping(0.03))
    assert 2 < ratio < 4 and model.calls == 0, "the float model is left as it was"


def test_latency_without_inputs():
    assert Latency(Sleeping(0), [], copy.deepcopy)(Sleeping(0)) is None
