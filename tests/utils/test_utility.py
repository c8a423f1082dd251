"""What INC's scripts take from `utils.utility` and `utils.constant`."""

import os
import time

import numpy as np
import pytest
import torch
from fitting import net

from inc_hf import PostTrainingQuantConfig, mix_precision
from inc_hf.config import MixedPrecisionConfig, options
from inc_hf.errors import UsageError
from inc_hf.quantize.bf16 import bf16_modules
from inc_hf.utils import OPTIONS, constant
from inc_hf.utils.utility import (
    CpuInfo,
    LazyImport,
    Statistics,
    alias_param,
    compute_sparsity,
    dump_elapsed_time,
    equal_dicts,
    print_table,
    recover,
    set_random_seed,
    singleton,
    time_limit,
    version1_eq_version2,
    version1_gte_version2,
    version1_lt_version2,
)


def test_modules_that_are_imported_at_their_first_use():
    assert LazyImport("os.path").join("a", "b") == "a/b"
    assert LazyImport("xml").dom.__name__ == "xml.dom"  # a part that was not imported yet
    assert LazyImport("os.getcwd")() == os.getcwd()
    missing = LazyImport("no_such_package")
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        _ = missing.anything
    with pytest.raises(AttributeError, match="no_such_function"):
        _ = LazyImport("os").no_such_function


def test_versions():
    assert version1_lt_version2("1.9", "1.13") and version1_eq_version2("2.0", "2.0.0")
    assert version1_gte_version2(torch.__version__.split("+")[0], "2.0")


@pytest.mark.parametrize("make", [np.array, torch.tensor])
def test_sparsity(make):
    assert compute_sparsity(make([[0.0, 1.0], [0.0, 0.0]])) == (4, 3, 1)


def test_the_cpu():
    cpu = CpuInfo()
    assert 1 <= cpu.sockets <= cpu.cores and cpu.cores_per_socket * cpu.sockets <= cpu.cores
    assert isinstance(cpu.vnni, bool) and isinstance(cpu.bf16, bool)


def test_decorators(caplog):
    @singleton
    class One:
        def __init__(self, value):
            self.value = value

    assert One(1) is One(2) and One(3).value == 1

    @alias_param("conf", "config")
    def function(model, conf=None):
        return model, conf

    assert function(1, config=2) == function(1, 2) == function(1, conf=2) == (1, 2)
    assert dump_elapsed_time("Pass")(function)(1) == (1, None)
    assert "Pass elapsed time: " in caplog.text and " ms" in caplog.text
    with time_limit(0):
        pass
    with pytest.raises(TimeoutError, match="longer than 0.05 seconds"), time_limit(0.05):
        while True:
            time.sleep(0.01)
    with pytest.raises(TimeoutError, match="of the caller"), time_limit(60):
        raise TimeoutError("of the caller")


def test_tables():
    lines = []
    Statistics([["Linear", 12, 3]], "Mixed Precision", ["Type", "INT8", "FP32"], lines.append).print_stat()
    assert lines == [
        "|***Mixed Precision****|",
        "+--------+------+------+",
        "|  Type  | INT8 | FP32 |",
        "+--------+------+------+",
        "| Linear |  12  |  3   |",
        "+--------+------+------+",
    ]
    lines.clear()
    print_table({"Seed": "random_seed"}, [options], lines.append, title="Options")
    assert lines[0] == "Options" and str(options.random_seed) in lines[4]


def test_options(monkeypatch):
    monkeypatch.setattr(options, "random_seed", options.random_seed)
    set_random_seed(7)
    assert OPTIONS["pytorch"].random_seed == 7


def test_dicts():
    assert equal_dicts({"a": 1, "b": 2}, {"a": 1, "b": 3}, ignore_keys=["b"])
    assert not equal_dicts({"a": 1}, {"b": 1}) and equal_dicts({"a": 1, "b": 2}, {"a": 1}, compare_keys=["a"])


CONSTANTS = {name: getattr(constant, name) for name in vars(constant) if name.startswith(("INT8", "UINT8"))}


@pytest.mark.parametrize("settings", CONSTANTS.values(), ids=CONSTANTS)
def test_constants_are_for_configs(settings):
    section = "activation" if settings["dtype"] == ["uint8"] or settings["algorithm"] == ["kl"] else "weight"
    conf = PostTrainingQuantConfig(op_type_dict={"Linear": {section: settings}, "Conv2d": constant.FP32})
    assert conf.op_type_dict["Linear"][section]["granularity"] == settings["granularity"]


def test_layers_in_bf16_and_fp32():
    mixed = mix_precision.fit(net(), MixedPrecisionConfig(op_name_dict={"head": constant.FP32})).model
    assert list(bf16_modules(mixed)) == ["hidden"]


def test_what_is_not_here():
    with pytest.raises(
        UsageError, match="INC's `recover` is not here: `history.json` in the workspace has the trials"
    ):
        recover(None, "history.snapshot", 0)
