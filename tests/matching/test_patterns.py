import re

import pytest
from torch import nn

from inc_hf.matching.patterns import match_names, named_modules_with_duplicates, nearest

NAMES = ["encoder.layer.0.query", "encoder.layer.1.query", "encoder.layer.10.query", "encoder.layer.1.key", "head"]


@pytest.mark.parametrize(
    "pattern, hits",
    [
        ("head", ["head"]),
        ("encoder.layer.1", []),
        (r"encoder\.layer\.1\..*", ["encoder.layer.1.query", "encoder.layer.1.key"]),
        (r".*\.query", NAMES[:3]),
        ("query", []),
        (r"head|encoder\.layer\.1\.key", ["encoder.layer.1.key", "head"]),
        (r"(?i)HEAD", ["head"]),
        (".*", NAMES),
        ("", []),
    ],
    ids=["name", "prefix", "layer", "suffix", "part", "alternatives", "flag", "all", "empty"],
)
def test_match_names_takes_whole_names_in_their_order(pattern, hits):
    assert match_names(pattern, NAMES) == hits


def test_match_names_takes_any_iterable():
    assert match_names("a.", {"ab": 1, "b": 2}) == ["ab"]
    assert match_names("a.", iter(["ab", "ac", "b"])) == ["ab", "ac"]


def test_match_names_refuses_what_is_no_regular_expression():
    with pytest.raises(re.error):
        match_names("layer.(", NAMES)


@pytest.mark.parametrize(
    "word, ending",
    [
        ("encoder.layer.0.qeury", "; did you mean 'encoder.layer.0.query'?"),
        ("haed", "; did you mean 'head'?"),
        ("xyzxyz", ""),
        ("", ""),
    ],
    ids=["transposed", "short", "far", "empty"],
)
def test_nearest(word, ending):
    assert nearest(word, NAMES) == ending


def test_nearest_of_nothing():
    assert nearest("head", []) == ""


def test_named_modules_with_duplicates_gives_every_path():
    shared = nn.Sequential(nn.Linear(2, 2))
    model = nn.ModuleDict({"first": shared, "second": nn.ModuleList([shared])})
    modules = dict(named_modules_with_duplicates(model))
    assert list(modules) == ["", "first", "first.0", "second", "second.0", "second.0.0"]
    assert modules["first"] is modules["second.0"] and modules["first.0"] is modules["second.0.0"]
