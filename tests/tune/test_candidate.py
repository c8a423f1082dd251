import json

import pytest

from inc_hf.quantize import ActivationScheme, Scheme, WeightScheme
from inc_hf.tune import Candidate

WEIGHT_ONLY = Scheme(WeightScheme(8))
DYNAMIC = Scheme(WeightScheme(7), ActivationScheme())
STATIC = Scheme(WeightScheme(7), ActivationScheme(dynamic=False, symmetric=False))


@pytest.mark.parametrize(
    ("schemes", "expected"),
    [([WEIGHT_ONLY], False), ([WEIGHT_ONLY, DYNAMIC], False), ([WEIGHT_ONLY, DYNAMIC, STATIC], True), ([], False)],
    ids=["weight only", "dynamic", "one static", "empty"],
)
def test_needs_calibration(schemes, expected):
    assert Candidate("x", dict(enumerate(schemes))).needs_calibration is expected


def test_without_leaves_the_original_alone():
    candidate = Candidate("all", {"a": STATIC, "b": STATIC, "c": DYNAMIC}, 20)
    less = candidate.without(["a", "c"], "less")
    assert less == Candidate("less", {"b": STATIC}, 20)
    assert list(candidate.schemes) == ["a", "b", "c"]


def test_equal_schemes_form_one_group_in_json():
    candidate = Candidate("x", {"a": STATIC, "b": DYNAMIC, "c": STATIC}, 20)
    stored = json.loads(json.dumps(candidate.to_dict()))
    assert [group["modules"] for group in stored["groups"]] == [["a", "c"], ["b"]]
    assert [Scheme.from_dict(group["scheme"]) for group in stored["groups"]] == [STATIC, DYNAMIC]
    assert stored["calibration_samples"] == 20


def test_samples_are_only_named_where_they_were_used():
    candidate = Candidate("x", {"a": STATIC, "b": WEIGHT_ONLY}, 20)
    assert candidate.without(["b"], "x").to_dict()["calibration_samples"] == 20
    assert candidate.without(["a"], "x").to_dict()["calibration_samples"] is None


class TestFingerprint:
    def test_does_not_depend_on_the_label(self):
        schemes = {"a": STATIC, "b": DYNAMIC}
        assert Candidate("one", schemes, 5).fingerprint == Candidate("two", dict(schemes), 5).fingerprint

    @pytest.mark.parametrize(
        "other",
        [
            Candidate("x", {"a": STATIC, "b": DYNAMIC}, 6),
            Candidate("x", {"a": STATIC}, 5),
            Candidate("x", {"a": STATIC, "c": DYNAMIC}, 5),
            Candidate("x", {"a": DYNAMIC, "b": STATIC}, 5),
            Candidate("x", {"a": STATIC.with_observer("kl"), "b": DYNAMIC}, 5),
        ],
        ids=["samples", "fewer modules", "other module", "swapped", "observer"],
    )
    def test_depends_on_everything_else(self, other):
        assert Candidate("x", {"a": STATIC, "b": DYNAMIC}, 5).fingerprint != other.fingerprint
