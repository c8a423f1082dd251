"""What public functions refuse before they do anything."""

import re
from pathlib import Path

import pytest
from torch import nn

from inc_hf.config import WeightPruningConfig
from inc_hf.config.arguments import (
    check_conf,
    check_data,
    check_function,
    check_model,
    check_names,
    check_path,
    check_place,
)
from inc_hf.errors import UsageError
from inc_hf.results.base import StandsForModel

LAYER = nn.Linear(2, 2)
REFUSED = {
    "no model": (check_model, (None,), "`model` must be a torch.nn.Module, got NoneType; load it first."),
    "a name for a model": (check_model, ("bert",), "`model` must be a torch.nn.Module, got str"),
    "a plain model": (check_model, (LAYER, "model", True), "`model` must be a PreTrainedModel of transformers"),
    "no function": (check_function, ("f", [1]), "`f` must be a function of the model, got [1] (list)."),
    "a model for a function": (check_function, ("f", LAYER), "`f` must be a function of the model"),
    "None for a function": (check_function, ("f", None, "a function", True), "`f` must be a function, got None"),
    "a number for data": (check_data, ("d", 3), "`d` must be a list, a dataset or a dataloader, got 3 (int)."),
    "a model for data": (check_data, ("d", nn.Sequential(LAYER)), "`d` must be a list, a dataset or a dataloader"),
    "another config": (check_conf, ({}, WeightPruningConfig), "`conf` must be a WeightPruningConfig, got dict."),
    "a number for a path": (check_path, ("p", -1), "`p` must be a path, got -1 (int)."),
    "an empty path": (check_path, ("p", ""), "`p` is empty; give a path."),
    "an empty place": (check_place, ("model", ""), "`model` is empty; give a path."),
    "a file for a place": (check_place, ("model", __file__), "is a file; give the directory that it lies in."),
    "a name for names": (check_names, ("n", "x"), "`n` must be a list of names, got 'x' (str)."),
}


@pytest.mark.parametrize("check, arguments, message", REFUSED.values(), ids=REFUSED)
def test_refused(check, arguments, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        check(*arguments)


@pytest.mark.parametrize(
    "name", ["./model", "a/b/c/d", "a b", "a--b", "a..b", "x/", ".x", "x.git", Path("bert")], ids=str
)
def test_what_is_no_directory_and_no_name_of_the_hub(name):
    with pytest.raises(FileNotFoundError, match=re.escape(f"There is no directory {str(name)!r}")):
        check_place("model", name)


def test_what_fits():
    result = StandsForModel()
    result.model = LAYER
    for model in (LAYER, result):
        check_model(model)
    for data in (None, [1], {"a": 1}, iter("ab"), range(3)):
        check_data("d", data)
    check_function("f", None)
    check_function("f", len)
    check_conf(None, WeightPruningConfig)
    check_names("n", ())
    for place in (".", Path(), "bert", "user/bert-base_x.y", "0", "_/a"):
        check_place("model", place)
