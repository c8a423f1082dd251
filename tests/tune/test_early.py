"""Decisions on a part of the answers: the same as on all of them, or wrong as rarely as is said."""

import numpy as np
import pytest
import torch

from inc_hf.config import AccuracyCriterion
from inc_hf.tune import Goal
from inc_hf.tune.early import Decision, needed

TOTAL, BATCH = 400, 16


def goal_of(reference: torch.Tensor, loss: float, kind: str = "relative") -> Goal:
    return Goal(float(reference.double().mean()), AccuracyCriterion(criterion=kind, tolerable_loss=loss))


def answers(seed: int, baseline: float, lost: float, won: float = 0.02) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the float model, and of a candidate that loses and wins these shares of them, in an order of no meaning."""
    random = np.random.default_rng(seed)
    reference = random.random(TOTAL) < baseline
    chances = random.random(TOTAL)
    right = np.where(reference, chances > lost, chances < won / max(1 - baseline, won))
    return torch.from_numpy(reference), torch.from_numpy(right)


def decided(goal: Goal, reference, right, confidence: float | None = None, batch: int = BATCH) -> Decision:
    """As far as it took, batch by batch."""
    decision = Decision(goal, reference, confidence)
    for part in right.split(batch):
        decision.add(part)
        if decision.is_met is not None:
            break
    return decision


@pytest.mark.parametrize("kind", ["relative", "absolute"])
@pytest.mark.parametrize("loss", [0, 0.01, 0.05, 1.0])
def test_needed_is_where_the_goal_begins_to_be_met(kind, loss):
    for baseline in (0, 1, 199, 399, 400):
        goal = Goal(baseline / TOTAL, AccuracyCriterion(criterion=kind, tolerable_loss=loss))
        met = [goal.is_met_by(right / TOTAL) for right in range(TOTAL + 1)]
        assert needed(goal, TOTAL) == met.index(True) and met == sorted(met)


def test_what_is_certain_is_what_all_answers_say():
    """On 300 candidates; about a half of them miss, and many are at the edge."""
    saved, misses = 0, 0
    for seed in range(300):
        reference, right = answers(seed, 0.6 + 0.001 * seed, lost=(seed % 7) * 0.02)
        goal = goal_of(reference, 0.01 * (seed % 5))
        decision, score = decided(goal, reference, right), int(right.sum()) / TOTAL
        assert decision.is_met is goal.is_met_by(score), seed
        assert decision.low <= score <= decision.high
        assert goal.is_met_by(decision.estimate()) is decision.is_met, "no estimate looks like the other"
        misses += not decision.is_met
        saved += TOTAL - decision.seen
    assert 80 < misses < 250 and saved > 0.05 * 300 * TOTAL


def test_the_last_answer_may_decide():
    reference = torch.ones(TOTAL, dtype=torch.bool)
    right = reference.clone()
    goal = goal_of(reference, 1 / TOTAL)
    right[[0, TOTAL - 1]] = False
    decision = Decision(goal, reference)
    decision.add(right[:-1])
    assert decision.is_met is None
    decision.add(right[-1:])
    assert decision.is_met is False and decision.low == decision.high == (TOTAL - 2) / TOTAL


def test_an_estimate_is_moved_by_how_hard_the_answers_were():
    """The float model, too, was wrong at half of the first ones, and right at all others."""
    reference = torch.ones(100, dtype=torch.bool)
    reference[:20:2] = False
    decision = Decision(goal_of(reference, 0.01), reference)
    decision.add(reference[:20])
    assert decision.estimate() == pytest.approx(0.9) and decision.estimate(paired=False) == 0.5


CONFIDENCE = 0.9
EDGES = [(0.02, 0.0), (0.05, 0.03), (0.3, 0.28)]  # share of answers lost, and what may be


@pytest.mark.parametrize("meets", [True, False])
def test_sequential_is_wrong_as_rarely_as_it_says(meets):
    """Candidates at the very edge of the goal, in orders at random: the hardest there are to tell. Of 600 orders of
    each 5.0 % to 8.3 % were wrong, and 0.2 % to 1 % where the confidence is 0.99."""
    wrong, count = 0, 100
    for lost, loss in EDGES:
        reference, right = answers(7, 0.8, lost)
        goal = goal_of(reference, loss)
        right = _at_the_edge(reference, right, needed(goal, TOTAL) - (not meets))
        assert goal.is_met_by(right.double().mean().item()) is meets
        for seed in range(count):
            order = torch.from_numpy(np.random.default_rng(seed).permutation(TOTAL))
            wrong += decided(goal, reference[order], right[order], CONFIDENCE, batch=50).is_met is not meets
    assert 0 < wrong <= len(EDGES) * count * (1 - CONFIDENCE)


def _at_the_edge(reference: torch.Tensor, right: torch.Tensor, count: int) -> torch.Tensor:
    """So many right answers, by changing those that the float model has right."""
    right = right.clone()
    while (difference := count - int(right.sum())) != 0:
        places = (reference & (right != (difference > 0))).nonzero()[: abs(difference), 0]
        right[places] = difference > 0
    return right


def test_sequential_saves_more_than_what_is_certain():
    seen = {None: 0, 0.99: 0}
    for seed in range(60):
        reference, right = answers(seed, 0.9, lost=0.12)
        goal = goal_of(reference, 0.01)
        for confidence in seen:
            decision = decided(goal, reference, right, confidence)
            assert decision.is_met is False and not goal.is_met_by(decision.estimate())
            seen[confidence] += decision.seen
    assert seen[0.99] < 0.7 * seen[None]


def test_sequential_knows_hits_as_well():
    reference, right = answers(3, 0.8, lost=0.0, won=0.1)
    decision = decided(goal_of(reference, 0.05), reference, right, 0.99)
    assert decision.is_met is True and decision.seen < 0.8 * TOTAL


@pytest.mark.parametrize("confidence", [None, 0.99])
def test_all_right_and_all_wrong(confidence):
    for baseline in (torch.ones(TOTAL), torch.zeros(TOTAL)):
        for right in (torch.ones(TOTAL), torch.zeros(TOTAL)):
            goal = goal_of(baseline.bool(), 0.01)
            decision = decided(goal, baseline.bool(), right.bool(), confidence)
            assert decision.is_met is goal.is_met_by(right.mean().item())
