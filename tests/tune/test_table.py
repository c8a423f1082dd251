"""The table of a search."""

from dataclasses import replace

import pytest

from inc_hf import AccuracyCriterion
from inc_hf.tune.goal import Goal
from inc_hf.tune.history import Trial
from inc_hf.tune.table import Trials

MISSED = Trial("static, 100 samples", "a", 0.85, 1.0, 22_000_000, False, 70, 0.9)
MET = replace(MISSED, label="static, 1 in float (classifier)", score=0.895, meets_goal=True, latency=0.5)
GOAL = Goal(0.9, AccuracyCriterion(tolerable_loss=0.01))
TABLE = """\
    trial                             score    loss  latency    MB  goal
    FP32                             0.9000       -        -     -  -
 1  static, 100 samples              0.8500  5.56 %        -  22.0  missed
*2  static, 1 in float (classifier)  0.8950  0.56 %   0.50 x  22.0  met"""


def test_table():
    assert str(Trials([MISSED, MET], GOAL, MET)) == TABLE


def test_it_is_the_list_that_it_was():
    trials = Trials([MISSED, MET], GOAL, MET)
    assert trials == [MISSED, MET] and trials[-1] is MET and isinstance(trials, list)
    assert repr(trials) == repr([MISSED, MET])
    assert str(Trials()) == "  trial  score  loss  latency  MB  goal"


@pytest.mark.parametrize(
    "criterion, score, loss",
    [
        (AccuracyCriterion(criterion="absolute"), 0.85, "0.0500"),
        (AccuracyCriterion(), 0.99, "-10.00 %"),
        (AccuracyCriterion(False, "absolute"), 0.95, "0.0500"),
        (AccuracyCriterion(False), 0.99, "10.00 %"),
        (AccuracyCriterion(), float("nan"), " - "),
        (AccuracyCriterion(), 0.9 + 1e-9, " 0.00 %"),
        (AccuracyCriterion(criterion="absolute"), 0.9 + 1e-9, " 0.0000"),
    ],
    ids=["absolute", "gain", "lower", "lower, relative", "no number", "nothing", "nothing, absolute"],
)
def test_loss(criterion, score, loss):
    *_, row = Trials([replace(MISSED, score=score)], Goal(0.9, criterion)).lines()
    assert loss in row


def test_long_labels_are_cut():
    trials = [replace(MET, label=f"40 in float ({'bert.layer.0.output, ' * count})") for count in (1, 9)]
    lines = Trials(trials, GOAL, trials[1]).lines()
    assert max(map(len, lines)) == 100 and lines[-1].count("…") == 1 and lines[-1].endswith("met")
    assert len({line.rfind("  ") for line in lines[2:]}) == 1


def test_of_a_long_search_the_last_ones_and_the_best():
    trials = [replace(MISSED, label=f"trial of {n}") for n in range(1, 101)]
    lines = Trials(trials, GOAL, trials[6]).lines(limit=5)
    assert [line.split()[0] for line in lines[2:-1]] == ["*7", "96", "97", "98", "99", "100"]
    assert lines[-1] == "95 earlier trials are in history.json."
