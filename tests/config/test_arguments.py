"""What public functions refuse before they do anything."""

import re

import pytest
from torch import nn

from inc_hf.config import WeightPruningConfig
from inc_hf.config.arguments import check_conf, check_data, check_function, check_model, check_names, check_path
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
    "a name for names": (check_names, ("n", "x"), "`n` must be a list of names, got 'x' (str)."),
}


@pytest.mark.parametrize("check, arguments, message", REFUSED.values(), ids=REFUSED)
def test_refused(check, arguments, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        check(*arguments)


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
