import pytest

from inc_hf.quantize import Scheme, WeightScheme
from inc_hf.tune import STRATEGIES, Candidate
from inc_hf.tune.strategy import basic

MODULES = ("a", "b", "c", "d")


def candidate(label: str, bits: int = 8) -> Candidate:
    return Candidate(label, {name: Scheme(WeightScheme(bits)) for name in MODULES})


def drive(strategy, scores: dict[str, float]) -> list[Candidate]:
    """All candidates of a strategy, each answered with the score of its label, or with 0."""
    tried, score = [], None
    try:
        while True:
            tried.append(strategy.send(score))
            score = scores.get(tried[-1].label, 0.0)
    except StopIteration:
        return tried


def modules_of(candidates: list[Candidate]) -> list[str]:
    return ["".join(c.schemes) for c in candidates]


def singles(names: str):
    return lambda best: [[name] for name in names]


def test_basic_is_registered():
    assert STRATEGIES["basic"] is basic


def test_default_then_variants_then_fallback_of_the_best():
    candidates = [candidate("default", 8), candidate("first variant", 7), candidate("second variant", 6)]
    asked = []

    def rank(best):
        asked.append(best)
        return singles("cadb")(best)

    tried = drive(basic(candidates, rank), {"default": 0.5, "first variant": 0.8, "second variant": 0.7})
    assert tried[:3] == candidates
    assert asked == [candidates[1]]
    assert modules_of(tried[3:]) == ["abd", "bd", "b"]
    assert all(scheme.weight.num_bits == 7 for c in tried[3:] for scheme in c.schemes.values())
    assert [c.label for c in tried[3:]] == [
        "first variant, 1 in float (c)",
        "first variant, 2 in float (a)",
        "first variant, 3 in float (d)",
    ]


@pytest.mark.parametrize(
    ("higher_is_better", "scores", "best"),
    [
        (True, {"one": 0.5, "two": 0.6}, "two"),
        (False, {"one": 0.5, "two": 0.6}, "one"),
        (True, {"one": 0.5, "two": 0.5}, "one"),
        (False, {"one": 0.5, "two": 0.5}, "one"),
        (True, {"one": -2.0, "two": -1.0}, "two"),
        (False, {"one": -2.0, "two": -1.0}, "one"),
    ],
    ids=["higher", "lower", "higher, equal", "lower, equal", "higher, negative", "lower, negative"],
)
def test_which_candidate_falls_back(higher_is_better, scores, best):
    strategy = basic([candidate("one"), candidate("two")], singles("abcd"), higher_is_better)
    assert drive(strategy, scores)[-1].label.startswith(best)


def test_modules_of_one_group_fall_back_together():
    tried = drive(basic([candidate("x")], lambda best: [["b"], ["a", "d"], ["c"]]), {})
    assert modules_of(tried) == ["abcd", "acd", "c"]
    assert tried[-1].label == "x, 3 in float (a, d)"


def test_one_module_always_stays_quantized():
    tried = drive(basic([candidate("x")], singles("a")), {})
    assert modules_of(tried) == ["abcd"]


def test_the_ranking_waits_until_it_is_needed():
    """It costs a forward pass for each module, in vain if the default already meets the goal."""
    asked = []
    strategy = basic([candidate("x"), candidate("y")], lambda best: asked.append(best) or [])
    next(strategy)
    strategy.send(0.0)
    strategy.close()
    assert asked == []
