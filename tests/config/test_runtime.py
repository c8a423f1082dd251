import multiprocessing
import os
import re
import tempfile
from pathlib import Path

import pytest

from inc_hf.config import (
    BenchmarkConfig,
    Options,
    options,
    set_random_seed,
    set_resume_from,
    set_tensorboard,
    set_workspace,
)
from inc_hf.config.runtime import _MADE_UP, cache_dir

BENCHMARK_DEFAULTS = {
    "inputs": [],
    "outputs": [],
    "backend": "default",
    "device": "cpu",
    "warmup": 5,
    "iteration": -1,
    "model_name": "",
    "cores_per_instance": None,
    "num_of_instance": 1,
    "inter_num_of_threads": None,
    "intra_num_of_threads": None,
    "diagnosis": False,
    "ni_workload_name": "profiling",
}


@pytest.fixture
def global_options(monkeypatch):
    for name in options.keys():
        monkeypatch.setattr(options, name, options[name])
    return options


def test_benchmark_defaults_and_order():
    assert dict(BenchmarkConfig()) == BENCHMARK_DEFAULTS
    assert list(BenchmarkConfig().keys()) == list(BENCHMARK_DEFAULTS)
    config = BenchmarkConfig(["x"], "y", "onnxruntime", "cpu", 1, 10, "bert", 4, 2)
    assert {**config} == {
        **BENCHMARK_DEFAULTS,
        "inputs": ["x"],
        "outputs": ["y"],
        "backend": "onnxruntime",
        "warmup": 1,
        "iteration": 10,
        "model_name": "bert",
        "cores_per_instance": 4,
        "num_of_instance": 2,
    }


@pytest.mark.parametrize(
    "fields, error_type, text",
    [
        ({"warmup": -1}, ValueError, "`warmup` must be at least 0, got -1."),
        ({"iteration": 0}, ValueError, "`iteration` must be -1 (all batches) or at least 1, got 0."),
        ({"iteration": -2}, ValueError, "`iteration` must be at least -1, got -2."),
        ({"cores_per_instance": 0}, ValueError, "`cores_per_instance` must be at least 1, got 0."),
        ({"num_of_instance": None}, TypeError, "`num_of_instance` must be an int, got None (NoneType)."),
        ({"intra_num_of_threads": 1.5}, TypeError, "`intra_num_of_threads` must be an int, got 1.5 (float)."),
        ({"diagnosis": 0}, TypeError, "`diagnosis` must be True or False, got 0 (int)."),
        (
            {"device": "cpus"},
            ValueError,
            "`device` must be one of cpu, gpu, npu, xpu, got 'cpus'; did you mean 'cpu'?",
        ),
    ],
    ids=["warmup", "no batch", "iteration", "cores", "instances", "threads", "bool", "device"],
)
def test_benchmark_errors(fields, error_type, text):
    with pytest.raises(error_type) as caught:
        BenchmarkConfig(**fields)
    assert str(caught.value) == text


def test_benchmark_is_no_mapping_of_other_attributes():
    with pytest.raises(KeyError, match="BenchmarkConfig has no field 'to_dict'"):
        BenchmarkConfig()["to_dict"]


def test_options_defaults():
    fresh = Options()
    assert (fresh.random_seed, fresh.resume_from, fresh.tensorboard) == (1978, None, False)
    name = Path(fresh.workspace).relative_to(cache_dir() / "workspace")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-[0-9a-f]{8}", str(name))
    assert isinstance(options, Options)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"INC_HF_HOME": "{tmp}/mine"}, "{tmp}/mine"),
        ({"XDG_CACHE_HOME": "{tmp}/cache"}, "{tmp}/cache/inc_hf"),
        ({"HOME": "{tmp}"}, "{tmp}/.cache/inc_hf"),
        ({"HOME": "{tmp}", "INC_HF_HOME": "~/a/b"}, "{tmp}/a/b"),
        ({"INC_HF_HOME": "{tmp}/a file/mine"}, "{temporary}/inc_hf-{user}"),
    ],
    ids=["own", "XDG", "home", "tilde", "not writable"],
)
def test_cache_dir(variables, expected, monkeypatch, tmp_path):
    for name in ("INC_HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "a file").touch()
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp=tmp_path))
    places = {"tmp": tmp_path, "temporary": tempfile.gettempdir(), "user": os.getuid()}
    assert str(cache_dir()) == expected.format(**places)


def test_setters_change_the_global_object(global_options):
    set_random_seed(7)
    set_workspace(Path("runs") / "first")
    set_resume_from("runs/zero")
    set_tensorboard(True)
    assert global_options.to_dict() == {
        "random_seed": 7,
        "workspace": "runs/first",
        "resume_from": "runs/zero",
        "tensorboard": True,
    }
    set_resume_from(None)
    assert global_options.resume_from is None


@pytest.mark.parametrize(
    "setter, value, error_type, text",
    [
        (set_random_seed, -1, ValueError, "`random_seed` must be in [0, 4294967295], got -1."),
        (set_random_seed, True, TypeError, "`random_seed` must be an int, got True (bool)."),
        (set_tensorboard, "yes", TypeError, "`tensorboard` must be True or False, got 'yes' (str)."),
    ],
    ids=["negative seed", "bool seed", "tensorboard"],
)
def test_setters_check_and_leave_the_old_value(global_options, setter, value, error_type, text):
    before = global_options.to_dict()
    with pytest.raises(error_type) as caught:
        setter(value)
    assert str(caught.value) == text
    assert global_options.to_dict() == before


@pytest.mark.parametrize("chosen", [False, True], ids=["made up", "chosen"])
def test_the_workspace_of_a_forked_process(chosen, monkeypatch):
    monkeypatch.setattr(options, "workspace", "runs/mine" if chosen else _MADE_UP)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        theirs = pool.apply(workspace_here)
    assert (theirs == options.workspace) == chosen


def workspace_here() -> str:
    return options.workspace
