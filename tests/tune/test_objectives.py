"""Which trial is the best, on trials that are written by hand; and how a latency is measured."""

import copy
import itertools
import math
import time
from dataclasses import replace

import pytest
import torch
from torch import nn

from inc_hf.config import AccuracyCriterion, TuningCriterion
from inc_hf.tune import Goal, Trial
from inc_hf.tune.latency import Latency
from inc_hf.tune.objectives import objectives_of, place_of_best

GOAL = Goal(1.0, AccuracyCriterion(criterion="absolute", tolerable_loss=0.1))


def trial(label: str, score: float = 0.95, latency: float | None = 0.5, size: int = 100, seconds: float = 1) -> Trial:
    return Trial(label, label, score, seconds, size, GOAL.is_met_by(score), 1, 1.0, latency)


FAST, SMALL, GOOD = trial("fast", 0.91, 0.3), trial("small", 0.92, 0.6, 50), trial("good", 0.99, 0.9)
MISSED = trial("missed", 0.8, 0.1, 10)


def best_of(trials: list[Trial], objective, goal: Goal = GOAL) -> str:
    """The label of the best one, the same in any order."""
    found = {
        order[place_of_best(order, goal, TuningCriterion(objective=objective))].label
        for order in itertools.permutations(trials)
    }
    assert len(found) == 1, f"depends on the order: {found}"
    return found.pop()


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
    assert best_of([FAST, SMALL, GOOD, MISSED], objective) == expected


def test_what_differs_less_than_the_noise_is_equal_and_the_smaller_one_wins():
    a, b = trial("a", latency=0.50, size=100), trial("b", latency=0.51, size=60)
    assert best_of([a, b], "performance") == "b"
    assert best_of([a, trial("c", latency=0.60, size=60)], "performance") == "a"


def test_each_a_little_slower_and_smaller_than_the_one_before():
    """All are as fast as their neighbours, and the last one is much slower than the first."""
    trials = [trial(name, latency=0.50 * 1.04**i, size=100 - i) for i, name in enumerate("abcdef")]
    assert best_of(trials, "performance") == "b", "the smallest that is within 5 % of the fastest"


def test_among_equals_the_better_score_then_the_first():
    a, b, c = trial("a", 0.95, 0.50), trial("b", 0.97, 0.52), trial("c", 0.96, 0.51)
    assert best_of([a, b, c], "performance") == best_of([a, b, c], "modelsize") == "b"
    same = [trial("first"), trial("second"), trial("third")]
    assert place_of_best(same, GOAL, TuningCriterion()) == 0


@pytest.mark.parametrize(
    ("weight", "expected"),
    [([1, 0, 0], "fast"), ([0, 1, 0], "small"), ([0, 0, 1], "good"), ([5, 4, 1], "fast")],
    ids=str,
)
def test_weights_of_three(weight, expected):
    objective = {"objective": ["performance", "modelsize", "accuracy"], "weight": weight}
    assert best_of([FAST, SMALL, GOOD, MISSED], objective) == expected


LOWER = Goal(1.0, AccuracyCriterion(False, "absolute", 0.1))


@pytest.mark.parametrize("objective", ["accuracy", "performance", "modelsize"])
def test_where_lower_is_better(objective):
    trials = [
        replace(trial(str(loss), loss), meets_goal=LOWER.is_met_by(loss)) for loss in (1.05, 1.02, 1.08, 1.3, 2.0)
    ]
    assert best_of(trials, objective, LOWER) == "1.02"
    assert best_of(trials[3:], objective, LOWER) == "1.3", "of those that miss the goal the nearest"


def test_nan_is_behind_all_that_are_numbers():
    trials = [trial("nan", math.nan), trial("bad", 0.1), trial("worse", 0.05)]
    assert best_of(trials, "performance") == "bad"


def test_of_evaluations_on_a_part_of_the_data_the_time_for_all_of_it():
    whole = trial("whole", latency=None, seconds=10)
    part = replace(trial("part", latency=None, seconds=6), samples=50, total=100)
    assert best_of([whole, part], "performance") == "whole"


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
