"""What each strategy tries, and in which order."""

import importlib.util
import itertools
from dataclasses import replace
from statistics import median

import pytest
from driving import ListedSpace, by_harm, candidate, drive, modules_of, problem_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from inc_hf.config import TuningCriterion
from inc_hf.errors import UsageError
from inc_hf.tune import STRATEGIES, Trial
from inc_hf.tune.strategies import chosen
from inc_hf.tune.study.value import value_of

ALPHABET = "abcdefghijklmnop"


def at_most(names: str):
    """Meets the goal if no other modules than these are in integers."""
    return lambda candidate: 1.0 if set(candidate.schemes) <= set(names) else 0.5


class TestChosen:
    @pytest.mark.parametrize(
        ("tuning", "level", "name"),
        [
            (TuningCriterion(), "auto", "auto"),
            (TuningCriterion(), 0, "conservative"),
            (TuningCriterion(), 1, "basic"),
            (TuningCriterion("basic"), "auto", "basic"),
            (TuningCriterion(strategy="random"), 0, "random"),
            (TuningCriterion(strategy="exhaustive"), 1, "exhaustive"),
            (TuningCriterion.from_dict(TuningCriterion().to_dict()), "auto", "auto"),
            (TuningCriterion.from_dict(TuningCriterion("basic").to_dict()), "auto", "basic"),
        ],
    )
    def test_what_is_given_counts_first(self, tuning, level, name):
        assert chosen(tuning, level) == name

    def test_given_later(self):
        tuning = TuningCriterion()
        tuning.strategy = "basic"
        assert chosen(tuning, "auto") == "basic"


class TestBasic:
    def test_default_then_variants_then_fallback_of_the_best(self):
        space = ListedSpace([candidate("default", 8), candidate("first", 7), candidate("second", 6)], "cadb")
        scores = {"default": 0.5, "first": 0.8, "second": 0.7}
        problem = problem_of(space, strategy_kwargs={"fallback": "accumulated", "refine": False})
        tried = drive(problem, lambda c: scores.get(c.label, 0))
        assert tried[:3] == space.listed and space.asked == [space.listed[1]]
        assert modules_of(tried[3:]) == ["abd", "bd", "b"]
        assert all(scheme.weight.num_bits == 7 for c in tried[3:] for scheme in c.schemes.values())
        assert [c.label for c in tried[3:]] == [f"first, {i} in float ({n})" for i, n in enumerate("cad", 1)]

    @pytest.mark.parametrize(
        ("higher", "scores", "best"),
        [
            (True, {"one": 0.5, "two": 0.6}, "two"),
            (False, {"one": 1.5, "two": 1.6}, "one"),
            (True, {"one": 0.5, "two": 0.5}, "one"),
            (False, {"one": 1.5, "two": 1.5}, "one"),
            (True, {"one": -2.0, "two": -1.0}, "two"),
        ],
        ids=["higher", "lower", "higher, equal", "lower, equal", "higher, negative"],
    )
    def test_which_candidate_falls_back(self, higher, scores, best):
        space = ListedSpace([candidate("one", 8), candidate("two", 7)], "abcd")
        tried = drive(problem_of(space, higher), lambda c: scores.get(c.label, 0.0 if higher else 2.0))
        assert tried[-1].label.startswith(best)

    def test_the_first_that_meets_the_goal_ends_it(self):
        """The ranking costs forward passes, in vain if the default already meets the goal."""
        space = ListedSpace([candidate("x"), candidate("y", 7), candidate("z", 6)], "abcd")
        assert len(drive(problem_of(space), lambda c: float(c.label == "y"))) == 2 and space.asked == []

    def test_with_time_it_goes_on(self):
        space = ListedSpace([candidate("x"), candidate("y", 7), candidate("z", 6)], "abcd")
        assert modules_of(drive(problem_of(space, timeout=60), lambda c: 1.0)) == ["abcd"] * 3 + ["bcd", "cd", "d"]

    def test_an_unknown_setting(self):
        with pytest.raises(UsageError, match="has no fallbak; allowed: sensitivity, fallback, refine"):
            drive(problem_of(ListedSpace([candidate("x")]), strategy_kwargs={"fallbak": "bisection"}), lambda c: 0)
        with pytest.raises(ValueError, match="must be one of bisection, accumulated, one_by_one, got 'bisect'"):
            drive(problem_of(ListedSpace([candidate("x")]), strategy_kwargs={"fallback": "bisect"}), lambda c: 0)


class TestFallback:
    def test_modules_of_one_group_fall_back_together(self):
        space = ListedSpace([candidate("x")], ["b", "ad", "c"])
        problem = problem_of(space, strategy_kwargs={"refine": False})
        assert modules_of(drive(problem, lambda c: 0.0)) == ["abcd", "acd", "c"]

    def test_one_module_always_stays_in_integers(self):
        assert modules_of(drive(problem_of(ListedSpace([candidate("x", names="a")], "a")), lambda c: 0)) == ["a"]

    def test_a_goal_that_nothing_reaches(self):
        """41 modules: 7 trials of beginnings, then 12 of what might go back to integers."""
        names = [f"m{i}" for i in range(41)]
        space = ListedSpace([candidate("x", names=names)], [[name] for name in names])
        assert len(drive(problem_of(space), lambda c: 0.0)) == 1 + 7 + 12

    def test_the_harmful_one_at_the_end_of_the_ranking(self):
        space = ListedSpace([candidate("x", names=ALPHABET)], ALPHABET)
        tried = drive(problem_of(space), by_harm(p=0.2))
        assert "".join(tried[-1].schemes) == ALPHABET[:-1]

    def test_bisection_counts(self):
        """1, 2, 4, 8 in float until the goal is met, then the middle: 11 are needed."""
        space = ListedSpace([candidate("x", names=ALPHABET)], ALPHABET)
        problem = problem_of(space, strategy_kwargs={"refine": False})
        tried = drive(problem, at_most(ALPHABET[11:]))
        assert [len(ALPHABET) - len(c.schemes) for c in tried] == [0, 1, 2, 4, 8, 15, 11, 9, 10]

    def test_refinement_gives_back_what_is_not_needed(self):
        """Only d and k harm; the ranking has others before and between them."""
        space = ListedSpace([candidate("x", names=ALPHABET)], ALPHABET)
        tried = drive(problem_of(space), by_harm(d=0.2, k=0.2))
        met = [c for c in tried if by_harm(d=0.2, k=0.2)(c) >= 0.9]
        assert set(ALPHABET) - set(met[-1].schemes) == {"d", "k"}

    def test_one_by_one_is_inc_s_way(self):
        """From the last module to the first, each alone, then accumulated in the order of the scores."""
        space = ListedSpace([candidate("x")], "abcd")
        problem = problem_of(space, strategy_kwargs={"fallback": "one_by_one", "refine": False})
        tried = drive(problem, by_harm(a=0.09, b=0.3, c=0.2))
        assert modules_of(tried) == ["abcd", "abc", "abd", "acd", "bcd", "acd", "ad"]

    @settings(deadline=None, max_examples=30)
    @given(st.sets(st.sampled_from(ALPHABET), min_size=1, max_size=3), st.permutations(list(ALPHABET)))
    def test_bisection_finds_what_one_by_one_finds(self, bad, ranking):
        assume(ranking[-1] not in bad)  # one module stays in integers, the last of the ranking

        def last_met(fallback):
            space = ListedSpace([candidate("x", names=ALPHABET)], ranking)
            score = by_harm(**dict.fromkeys(bad, 0.2))
            tried = drive(problem_of(space, strategy_kwargs={"fallback": fallback}), score)
            return set(ALPHABET) - set(next(c for c in reversed(tried) if score(c) >= 0.9).schemes), len(tried)

        (found, trials), (expected, one_by_one) = last_met("bisection"), last_met("one_by_one")
        assert found == expected == bad
        assert trials < one_by_one or len(bad) > 2  # a ranking that is mere chance


class TestConservative:
    KINDS = {"a": "Embedding", "b": "Linear", "c": "Conv1d", "d": "Linear"}

    def run(self, score_of, strategy="conservative", **tuning):
        space = ListedSpace([candidate("x")], "bdac", self.KINDS)
        return modules_of(drive(problem_of(space, strategy=strategy, **tuning), score_of))

    def test_kind_by_kind_in_inc_s_order(self):
        assert self.run(lambda c: 1.0) == ["c", "bcd", "abcd"]

    def test_what_misses_the_goal_is_left_out(self):
        assert self.run(by_harm(b=0.2)) == ["c", "bcd", "ac"]

    def test_auto_ends_with_the_default(self):
        assert self.run(lambda c: 1.0, "auto") == ["abcd"]

    def test_auto_ends_with_enough_kinds(self):
        assert self.run(by_harm(c=0.2), "auto") == ["abcd", "c", "bd", "abd"]

    def test_auto_goes_on_if_too_little_is_in_integers(self):
        """INC would end with the convolution alone; what falls back from the default keeps more."""
        tried = self.run(by_harm(a=0.2, b=0.2), "auto")
        assert tried == ["abcd", "c", "bcd", "ac", "abcd", "acd", "ac", "c", "cd", "bcd"]


class TestDrawn:
    def test_exhaustive_is_the_product_in_order(self):
        space = ListedSpace([candidate("x", 8, "ab"), candidate("y", 7, "ab")])
        tried = drive(problem_of(space, strategy="exhaustive"), lambda c: 0)
        bits = [tuple(c.schemes[n].weight.num_bits if n in c.schemes else 0 for n in "ab") for c in tried]
        assert bits == [pair for pair in itertools.product((8, 7, 0), repeat=2) if any(pair)]

    @pytest.mark.parametrize("strategy", ["exhaustive", "random"])
    def test_what_shares_a_weight_goes_together(self, strategy):
        space = ListedSpace([candidate("x"), candidate("y", 7)], tied="bd")
        for tried in drive(problem_of(space, strategy=strategy), lambda c: 0, 40):
            pair = [tried.schemes.get(name) for name in "bd"]
            assert pair[0] == pair[1]

    def test_random_begins_with_the_default_and_repeats_itself_by_the_seed(self):
        runs = [
            drive(problem_of(ListedSpace([candidate("x"), candidate("y", 7)]), strategy="random"), lambda c: 0, 30)
            for _ in range(2)
        ]
        assert runs[0] == runs[1] and runs[0][0].label == "x" and len({c.fingerprint for c in runs[0]}) > 10


def test_each_strategy_says_which_settings_it_has():
    for name in STRATEGIES:
        space = ListedSpace([candidate("x")], "abcd", dict.fromkeys("abcd", "Linear"))
        with pytest.raises(UsageError, match=f"{name}' has no colour"):
            drive(problem_of(space, strategy=name, strategy_kwargs={"colour": 1}), lambda c: 0)


NAMES = [f"m{i:02d}" for i in range(24)]
BAD = {"m03", "m11", "m20"}
RANKINGS = {"right": sorted(NAMES, key=lambda n: n not in BAD), "by chance": NAMES, "wrong": [], "none": []}
RANKINGS["wrong"] = RANKINGS["right"][::-1]


def seconds_of(candidate):
    """Integers take a third of the time."""
    return 1 - 2 / 3 * len(candidate.schemes) / len(NAMES)


@pytest.mark.skipif(importlib.util.find_spec("optuna") is None, reason="Optuna is not installed")
class TestOnOptuna:
    def run(self, strategy, ranking, score_of, seed=0, most=100, seconds_of=lambda c: 1.0, **tuning):
        """24 modules, which may have 8 or 7 bits, or be in float; three harm."""
        candidates = [candidate(f"{bits} bits", bits, NAMES) for bits in (8, 7)]
        space = ListedSpace(candidates, [[name] for name in RANKINGS[ranking]])
        return drive(replace(problem_of(space, strategy=strategy, **tuning), seed=seed), score_of, most, seconds_of)

    @pytest.mark.parametrize(
        "score_of", [by_harm(**dict.fromkeys(BAD, 0.2)), at_most(set(NAMES) - BAD)], ids=["sum", "all"]
    )
    @pytest.mark.parametrize(("ranking", "most"), [("right", 4), ("by chance", 30), ("wrong", 60), ("none", 30)])
    def test_trials_to_the_goal(self, ranking, most, score_of):
        """Of "all", nothing is learnt before all three are in float."""
        for seed in range(2):
            tried = self.run("tpe", ranking, score_of, seed)
            assert set(NAMES) - set(tried[-1].schemes) >= BAD and len(tried) <= most
            assert len({c.fingerprint for c in tried}) == len(tried) and tried[0].label == "8 bits"

    def test_bayesian(self):
        tried = self.run("bayesian", "by chance", by_harm(**dict.fromkeys(BAD, 0.2)), seed=1)
        assert set(NAMES) - set(tried[-1].schemes) >= BAD and len(tried) <= 30

    def test_first_points(self):
        for strategy in ("tpe", "bayesian"):
            first = self.run(strategy, "right", lambda c: 0.0, most=5)
            in_float = [[n for n in RANKINGS["right"] if n not in c.schemes] for c in first]
            assert in_float == [RANKINGS["right"][:count] for count in (0, 1, 2, 4, 8)]

    @pytest.mark.parametrize("strategy", ["random", "tpe", "bayesian"])
    def test_the_same_seed_gives_the_same(self, strategy):
        runs = [self.run(strategy, "none", lambda c: 0.0, seed, 11) for seed in (1, 1, 2)]
        assert runs[0] == runs[1] != runs[2]

    def test_with_time_it_looks_for_what_is_faster(self):
        score_of = by_harm(**dict.fromkeys(BAD, 0.2))
        tried = self.run("tpe", "by chance", score_of, most=50, seconds_of=seconds_of, timeout=1000)
        times = [seconds_of(c) for c in tried if score_of(c) >= 0.9]
        assert len(tried) == 50 and median(times[-8:]) < median(times[:8]) and min(times) < 0.75


class TestValue:
    """Of a goal of 0.9, with a float model at 1."""

    def value(self, score, seconds=1.0):
        goal = problem_of(ListedSpace([candidate("x")])).goal
        return value_of(Trial("x", "f", score, seconds, 1, goal.is_met_by(score), 4), goal, reference=1.0)

    def test_loss_and_latency_count_alike(self):
        assert self.value(0.95) == pytest.approx(1.5) and self.value(0.95, 0.5) == pytest.approx(self.value(1.0))
        assert self.value(1.0, 0.5) == pytest.approx(0.5)

    def test_what_misses_the_goal_is_worse_the_further_it_does(self):
        values = [self.value(score, seconds) for score, seconds in ((0.9, 1e9), (0.89, 0), (0.5, 0), (-9, 0))]
        assert values == sorted(values) and len(set(values)) == 4
        assert self.value(float("nan")) == self.value(float("inf")) > values[-1]
