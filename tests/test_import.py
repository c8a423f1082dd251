"""`import inc_hf` is quick and brings in no optional package."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

import inc_hf

ROOT = Path(__file__).parents[1]
SECONDS = 0.3
OPTIONAL = ["datasets", "evaluate", "compressed_tensors", "optimum", "sklearn", "scipy", "pandas", "onnx", "rich"]
OPTIONAL += ["optuna", "sqlalchemy"]
PROBE = """
import json, sys, time
import torch, transformers
before = set(sys.modules)
start = time.perf_counter()
import inc_hf
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "modules": sorted(set(sys.modules) - before)}))
"""


@pytest.fixture(scope="module")
def probes() -> list[dict]:
    """Of three fresh interpreters: the seconds that `import inc_hf` took, and the modules it loaded."""
    command = [sys.executable, "-c", PROBE]
    runs = [subprocess.run(command, cwd=ROOT, capture_output=True, text=True) for _ in range(3)]
    for run in runs:
        assert run.returncode == 0, run.stderr
    return [json.loads(run.stdout.splitlines()[-1]) for run in runs]


def test_import_is_quick(probes):
    seconds = [probe["seconds"] for probe in probes]
    assert median(seconds) < SECONDS, f"`import inc_hf` took {seconds} s beyond torch and transformers"


@pytest.mark.parametrize("package", OPTIONAL)
def test_import_brings_in_no_optional_package(probes, package):
    loaded = [name for name in probes[0]["modules"] if name.split(".")[0] == package]
    assert not loaded


def test_a_name_that_is_misspelt():
    with pytest.raises(
        AttributeError, match="no attribute 'IncModelForCausalLm'; did you mean 'IncModelForCausalLM'?"
    ):
        _ = inc_hf.IncModelForCausalLm
    assert not hasattr(inc_hf, "purple")
