import copy
import json
import logging
import math
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from driving import ListedSpace
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from inc_hf.config import AccuracyCriterion, TuningCriterion
from inc_hf.quantize import Scheme, WeightScheme, convert, prepare
from inc_hf.quantize.nn import quantized_modules
from inc_hf.tune import STRATEGIES, Candidate, Goal, History, Problem, tune
from inc_hf.tune.tuner import model_bytes

HIGHER, LOWER = True, False
ABSOLUTE = AccuracyCriterion(criterion="absolute", tolerable_loss=0.1)


class TestGoal:
    @pytest.mark.parametrize(
        ("criterion", "higher", "loss", "baseline", "target"),
        [
            ("relative", HIGHER, 0.01, 0.9, 0.891),
            ("relative", LOWER, 0.01, 20.0, 20.2),
            ("absolute", HIGHER, 0.02, 0.9, 0.88),
            ("absolute", LOWER, 0.5, 20.0, 20.5),
            ("relative", HIGHER, 0.1, -2.0, -2.2),
            ("relative", LOWER, 0.1, -2.0, -1.8),
            ("absolute", HIGHER, 0.1, -2.0, -2.1),
            ("absolute", LOWER, 0.1, -2.0, -1.9),
            ("relative", HIGHER, 0.5, 0.0, 0.0),
            ("relative", LOWER, 0.5, 0.0, 0.0),
            ("relative", HIGHER, 0, 0.75, 0.75),
            ("absolute", LOWER, 0, 0.75, 0.75),
        ],
        ids=[
            "relative, higher",
            "relative, lower",
            "absolute, higher",
            "absolute, lower",
            "relative, higher, negative",
            "relative, lower, negative",
            "absolute, higher, negative",
            "absolute, lower, negative",
            "relative, higher, zero",
            "relative, lower, zero",
            "no loss, relative",
            "no loss, absolute",
        ],
    )
    def test_target(self, criterion, higher, loss, baseline, target):
        goal = Goal(baseline, AccuracyCriterion(higher, criterion, loss))
        assert goal.target == pytest.approx(target, abs=1e-12)
        assert goal.is_met_by(goal.target) and goal.is_met_by(baseline)
        worse = -1e-3 if higher else 1e-3
        assert not goal.is_met_by(goal.target + worse)

    @pytest.mark.parametrize(
        ("baseline", "score"),
        [(0.8, 0.7), (float(np.float32(0.8)), float(np.float32(0.7))), (90.1, 90.0), (-1.1, -1.2)],
        ids=["float64", "float32", "percent", "negative"],
    )
    @pytest.mark.parametrize("higher", [HIGHER, LOWER], ids=["higher", "lower"])
    def test_rounding_does_not_count(self, higher, baseline, score):
        """0.8 - 0.1 is 0.7000000000000001, and a score of exactly 0.7 meets the goal all the same."""
        baseline, score = (baseline, score) if higher else (score, baseline)
        goal = Goal(baseline, AccuracyCriterion(higher, "absolute", 0.1))
        assert goal.is_met_by(score)
        assert not goal.is_met_by(score * (1 - 1e-4 if higher == (score > 0) else 1 + 1e-4))

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("higher", [HIGHER, LOWER], ids=["higher", "lower"])
    @pytest.mark.parametrize("kind", ["relative", "absolute"])
    @pytest.mark.parametrize("loss", [0.0, 0.01, 0.1, 0.3])
    @pytest.mark.parametrize("baseline", [0.8, 0.9012, 90.12, 1 / 3, -1.1, -0.07, 12345.6])
    def test_exactly_at_the_threshold(self, baseline, loss, kind, higher, dtype):
        """INC's formulas in either precision, whose last digit falls on either side; a thousandth more is too much."""
        base, share, sign = dtype(baseline), dtype(loss), dtype(-1 if higher else 1)
        far = abs(base) * share if kind == "relative" else share
        goal = Goal(float(base), AccuracyCriterion(higher, kind, loss))
        assert goal.is_met_by(float(base + sign * far)) and goal.missed_by(float(base + sign * far)) < 1e-3
        beyond = float(base) + float(sign) * (float(far) + 1e-3 * abs(float(base)))
        assert not goal.is_met_by(beyond) and goal.missed_by(beyond) > 0

    @given(
        baseline=st.floats(-1e6, 1e6),
        loss=st.floats(0, 10),
        higher=st.booleans(),
        criterion=st.sampled_from(["relative", "absolute"]),
        score=st.floats(-1e6, 1e6),
    )
    def test_what_meets_the_goal_is_an_interval_with_the_baseline(self, baseline, loss, higher, criterion, score):
        goal = Goal(baseline, AccuracyCriterion(higher, criterion, loss))
        assert goal.is_met_by(baseline)
        if goal.is_better(score, baseline):
            assert goal.is_met_by(score)
        elif goal.is_better(goal.target, score):
            assert goal.is_met_by(score) == math.isclose(goal.target, score, rel_tol=1e-6)

    @pytest.mark.parametrize(("higher", "better", "worse"), [(HIGHER, 2, 1), (LOWER, 1, 2)], ids=["higher", "lower"])
    def test_is_better_is_strict(self, higher, better, worse):
        goal = Goal(0.0, AccuracyCriterion(higher))
        assert goal.is_better(better, worse)
        assert not goal.is_better(worse, better) and not goal.is_better(better, better)


MODEL = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 4))


def build(candidate: Candidate) -> nn.Module:
    return convert(prepare(copy.deepcopy(MODEL), candidate.schemes))


def candidate_of(names: str, bits: int = 8) -> Candidate:
    return Candidate(f"{names} in {bits} bits", {name: Scheme(WeightScheme(bits)) for name in names})


def candidates_of(count: int) -> list[Candidate]:
    """All three modules, with fewer and fewer bits."""
    return [candidate_of("012", bits) for bits in range(8, 8 - count, -1)]


class Evaluation:
    """Gives scores in turn, and counts its calls; an exception among the scores is raised, `seconds` are slept."""

    def __init__(self, *scores: float | BaseException, seconds: list[float] | None = None):
        self.scores, self.seconds, self.calls = scores, seconds, 0

    def __call__(self, model: nn.Module) -> float:
        assert quantized_modules(model)
        self.calls += 1
        if self.seconds:
            time.sleep(self.seconds[self.calls - 1])
        score = self.scores[self.calls - 1]
        if isinstance(score, BaseException):
            raise score
        return score


def each(candidates: list[Candidate], goal: Goal, tuning: TuningCriterion):
    """A strategy of just these candidates, which ends as strategies do."""
    problem = Problem(ListedSpace(candidates), goal, tuning)
    return problem.until_met(problem.candidates)


def search(
    candidates: list[Candidate],
    evaluate: Callable[[nn.Module], float],
    baseline: float = 1.0,
    criterion: AccuracyCriterion = ABSOLUTE,
    history: History | None = None,
    **settings,
):
    history = history or History()
    history.baseline = baseline
    goal, tuning = Goal(baseline, criterion), TuningCriterion(**settings)
    return tune(each(candidates, goal, tuning), build, evaluate, goal, tuning, history)


class TestStopping:
    def test_without_timeout_at_the_first_success(self):
        evaluate = Evaluation(0.5, 0.9, 0.99)
        result = search(candidates_of(3), evaluate)
        assert evaluate.calls == 2 and result.met_criterion and not result.interrupted
        assert result.trial.score == 0.9 and result.candidate == candidates_of(3)[1]
        assert len(quantized_modules(result.model)) == 3

    def test_the_default_may_do(self):
        evaluate = Evaluation(0.9)
        assert search(candidates_of(3), evaluate).met_criterion
        assert evaluate.calls == 1

    @pytest.mark.parametrize("max_trials", [1, 2])
    def test_max_trials(self, max_trials):
        evaluate = Evaluation(0.1, 0.2, 0.95)
        result = search(candidates_of(3), evaluate, max_trials=max_trials)
        assert evaluate.calls == max_trials and not result.met_criterion

    def test_what_is_yielded_again_is_not_tried_again(self):
        evaluate = Evaluation(0.1, 0.2, 0.3)
        again = [*candidates_of(2), *candidates_of(3)]
        result = search(again, evaluate, max_trials=3)
        assert evaluate.calls == 3 and [t.score for t in result.history.trials] == [0.1, 0.2, 0.3]

    def test_at_the_end_of_the_strategy(self):
        evaluate = Evaluation(0.1, 0.3, 0.2)
        result = search(candidates_of(3), evaluate)
        assert evaluate.calls == 3 and result.trial.score == 0.3 and not result.met_criterion

    def test_with_timeout_it_goes_on_after_a_success(self):
        evaluate = Evaluation(0.95, 0.97, 0.96)
        result = search(candidates_of(3), evaluate, timeout=1000, objective="accuracy")
        assert evaluate.calls == 3 and result.trial.score == 0.97

    def test_timeout(self):
        evaluate = Evaluation(*[0.1] * 6, seconds=[0.05] * 6)
        assert not search(candidates_of(6), evaluate, timeout=0.07).met_criterion
        assert 1 <= evaluate.calls <= 2

    def test_max_trials_with_timeout(self):
        evaluate = Evaluation(0.95, 0.97, 0.96)
        assert search(candidates_of(3), evaluate, timeout=1000, max_trials=1).trial.score == 0.95
        assert evaluate.calls == 1


class TestBest:
    @pytest.mark.parametrize(
        ("higher", "scores", "best"),
        [(HIGHER, (0.3, 0.7, 0.5), 0.7), (LOWER, (3.0, 1.7, 2.5), 1.7), (HIGHER, (-3.0, -1.0, -2.0), -1.0)],
        ids=["higher", "lower", "negative"],
    )
    def test_so_far_when_the_goal_is_never_met(self, higher, scores, best):
        criterion = AccuracyCriterion(higher, "absolute", 0.1)
        result = search(candidates_of(3), Evaluation(*scores), 1.0, criterion)
        assert result.trial.score == best and not result.met_criterion
        assert len(result.history.trials) == 3
        assert result.model is not None

    def test_the_first_of_equals(self):
        result = search(candidates_of(3), Evaluation(0.3, 0.3, 0.3))
        assert result.candidate == candidates_of(3)[0]

    def test_meeting_the_goal_comes_before_the_objective(self):
        """The small model that misses the goal is no choice, whether it comes before or after the large one."""
        small, large = candidate_of("012"), candidate_of("0")
        for candidates, scores in (([small, large], (0.5, 0.95)), ([large, small], (0.95, 0.5))):
            result = search(candidates, Evaluation(*scores), timeout=1000, objective="modelsize")
            assert result.candidate == large

    @pytest.mark.parametrize("objective", ["modelsize", "footprint", ["modelsize", "footprint"]], ids=str)
    def test_smallest(self, objective):
        candidates = [candidate_of("0"), candidate_of("012"), candidate_of("01")]
        result = search(candidates, Evaluation(0.99, 0.91, 0.95), timeout=1000, objective=objective)
        assert result.candidate == candidates[1]
        sizes = [trial.bytes for trial in result.history.trials]
        assert sizes[1] < sizes[2] < sizes[0] < model_bytes(MODEL)

    def test_fastest(self):
        evaluate = Evaluation(0.99, 0.95, 0.97, seconds=[0.06, 0.0, 0.12])
        result = search(candidates_of(3), evaluate, timeout=1000)
        assert result.candidate == candidates_of(3)[1]
        assert [trial.seconds > 0.05 for trial in result.history.trials] == [True, False, True]

    @pytest.mark.parametrize("higher", [HIGHER, LOWER], ids=["higher", "lower"])
    def test_most_accurate(self, higher):
        scores = (0.95, 0.99, 0.97) if higher else (1.05, 1.01, 1.03)
        criterion = AccuracyCriterion(higher, "absolute", 0.1)
        result = search(candidates_of(3), Evaluation(*scores), 1.0, criterion, timeout=1000, objective="accuracy")
        assert result.trial.score == scores[1]

    @pytest.mark.parametrize(
        ("weight", "best"), [([1, 0], 1), ([0, 1], 0), ([0.9, 0.1], 1), ([0.05, 0.95], 0)], ids=str
    )
    def test_weights(self, weight, best):
        """The second is a fifth more accurate, the first half the size."""
        candidates = [candidate_of("012"), candidate_of("0")]
        objective = {"objective": ["accuracy", "modelsize"], "weight": weight}
        result = search(candidates, Evaluation(1.0, 1.2), timeout=1000, objective=objective)
        assert result.candidate == candidates[best]

    def test_weights_are_equal_by_default(self):
        candidates = [candidate_of("012"), candidate_of("0")]
        for objective in (["accuracy", "modelsize"], {"objective": ["accuracy", "modelsize"]}):
            result = search(candidates, Evaluation(1.0, 1.2), timeout=1000, objective=objective)
            assert result.candidate == candidates[0], objective


class TestInterrupt:
    def test_after_a_trial_the_best_comes_back(self, tmp_path, caplog):
        evaluate = Evaluation(0.2, 0.6, KeyboardInterrupt())
        history = History(tmp_path / "history.json")
        with caplog.at_level(logging.WARNING, "inc_hf"):
            result = search(candidates_of(4), evaluate, history=history)
        assert result.interrupted and not result.met_criterion
        assert result.trial.score == 0.6 and len(quantized_modules(result.model)) == 3
        assert "best of 2 trials" in caplog.text
        assert len(json.loads(history.path.read_text())["trials"]) == 2

    def test_before_any_trial_it_propagates(self, tmp_path):
        history = History(tmp_path / "history.json")
        with pytest.raises(KeyboardInterrupt):
            search(candidates_of(3), Evaluation(KeyboardInterrupt()), history=history)
        assert list(tmp_path.iterdir()) == []

    def test_while_a_candidate_is_built(self):
        def interrupted_build(candidate: Candidate) -> nn.Module:
            if candidate.label.endswith("7 bits"):
                raise KeyboardInterrupt
            return build(candidate)

        goal, tuning = Goal(1.0, ABSOLUTE), TuningCriterion()
        strategy = each(candidates_of(3), goal, tuning)
        result = tune(strategy, interrupted_build, Evaluation(0.3), goal, tuning, History())
        assert result.interrupted and result.trial.score == 0.3

    def test_while_modules_are_ranked(self):
        class Space(ListedSpace):
            def rank(self, candidate, by="gradients", **settings):
                raise KeyboardInterrupt

        goal, tuning = Goal(1.0, ABSOLUTE), TuningCriterion()
        strategy = STRATEGIES["basic"](Problem(Space(candidates_of(2)), goal, tuning))
        result = tune(strategy, build, Evaluation(0.3, 0.4), goal, tuning, History())
        assert result.interrupted and result.trial.score == 0.4


class TestHistoryOnDisk:
    def test_is_complete_when_an_evaluation_fails(self, tmp_path):
        history = History(tmp_path / "history.json")
        with pytest.raises(ZeroDivisionError, match="in the third"):
            search(candidates_of(4), Evaluation(0.2, 0.3, ZeroDivisionError("in the third")), history=history)
        stored = json.loads(history.path.read_text())
        assert stored["baseline"] == 1.0
        assert [trial["score"] for trial in stored["trials"]] == [0.2, 0.3]

    def test_what_a_trial_holds(self, tmp_path):
        history = History(tmp_path / "history.json")
        result = search([candidate_of("01")], Evaluation(0.95), history=history)
        [stored] = json.loads(history.path.read_text())["trials"]
        assert stored == vars(result.trial)
        assert stored["label"] == "01 in 8 bits" and stored["fingerprint"] == candidate_of("01").fingerprint
        assert stored["score"] == 0.95 and stored["meets_goal"] is True and stored["quantized_modules"] == 2
        assert 0 <= stored["seconds"] < 10 and stored["bytes"] == model_bytes(result.model)

    def test_resumed_search_gives_the_same_best_without_the_same_work(self, tmp_path):
        scores = (0.2, 0.6, 0.4, 0.5)
        whole = search(candidates_of(4), Evaluation(*scores))
        with pytest.raises(ZeroDivisionError):
            search(
                candidates_of(4),
                Evaluation(*scores[:2], ZeroDivisionError()),
                history=History(tmp_path / "history.json"),
            )
        history = History(tmp_path / "history.json")
        history.resume_from(tmp_path)
        evaluate = Evaluation(*scores[2:])
        resumed = search(candidates_of(4), evaluate, history=history)
        assert evaluate.calls == 2
        assert resumed.candidate == whole.candidate and resumed.trial.score == whole.trial.score
        assert [t.score for t in resumed.history.trials] == [t.score for t in whole.history.trials] == list(scores)
        assert torch.equal(resumed.model[0].codes, whole.model[0].codes)

    def test_resumed_search_that_needs_no_evaluation_builds_the_best(self, tmp_path):
        search(candidates_of(2), Evaluation(0.2, 0.95), history=History(tmp_path / "history.json"))
        history = History()
        history.resume_from(tmp_path)
        result = search(candidates_of(2), Evaluation(), history=history)
        assert result.met_criterion and len(quantized_modules(result.model)) == 3

    @pytest.mark.parametrize(("loss", "met_then", "met_now"), [(0.5, False, True), (0.01, True, False)], ids=str)
    def test_resumed_search_has_its_own_goal(self, tmp_path, loss, met_then, met_now):
        score = 0.95 if met_then else 0.7
        first = search(candidates_of(1), Evaluation(score), history=History(tmp_path / "history.json"))
        assert first.met_criterion is met_then
        history = History()
        history.resume_from(tmp_path)
        criterion = AccuracyCriterion(criterion="absolute", tolerable_loss=loss)
        result = search(candidates_of(1), Evaluation(), criterion=criterion, history=history)
        assert result.trial.score == score and result.met_criterion is met_now


class TestModelBytes:
    def test_parameters_and_buffers(self):
        assert model_bytes(nn.BatchNorm1d(4)) == 4 * 4 * 4 + 8

    def test_tied_weights_count_once(self):
        model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
        model[1].weight = model[0].weight
        assert model_bytes(model) == 64

    def test_int8(self):
        quantized = build(candidate_of("0"))
        assert model_bytes(MODEL) - model_bytes(quantized) == 3 * 64 - 8 * 4
