import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import inc_hf
from inc_hf import ops

PACKAGE = Path(inc_hf.__file__).parent
needs_kernels = pytest.mark.skipif(not ops.is_available(), reason=f"no native kernels: {ops.why_unavailable()}")

# Imports torch once, then runs every case in a child process, which imports inc_hf itself. A case is a name, a folder
# with the package and the value of INC_HF_ISA; what a child finds goes to <name>.json, what it logs to <name>.log.
SERVER = """
import json, os, sys
from contextlib import suppress
import torch, torch._dynamo  # what takes long

def attempt(results, name, call):
    try:
        results[name] = call()
    except ValueError as error:
        results[name] = f"ValueError: {error}"

def layer_is_exact(QLinear, ops, scheme, shape):
    torch.manual_seed(0)
    layer = QLinear(70, 21, True, scheme, torch.float32)
    layer.codes.copy_(torch.randint(-127, 128, (21, 70)))
    layer.weight_scale.copy_(torch.rand(21, 1) * 0.01 + 0.001)
    x = torch.randn(shape)
    return torch.equal(layer(x), ops.q8_linear(x, layer.codes, layer.weight_scale, layer.bias))

def report(root):
    sys.path.insert(0, root)
    # That of an editable installation comes before the path.
    sys.meta_path[:] = [finder for finder in sys.meta_path if not type(finder).__name__.startswith("ScikitBuild")]
    from inc_hf import ops
    from inc_hf.ops.elementwise import activate, layer_norm, softmax
    from inc_hf.quantize.nn import QLinear
    from inc_hf.quantize.scheme import ActivationScheme, Scheme, WeightScheme
    x, between = torch.randn(3, 8), (lambda x: activate(x, "gelu"), layer_norm, softmax)
    results = {"root": ops.__file__, "available": ops.is_available(), "why": ops.why_unavailable()}
    scheme = Scheme(WeightScheme(), ActivationScheme())
    attempt(results, "isa", ops.isa)
    attempt(results, "isa again", ops.isa)
    attempt(results, "native", ops.is_native)
    for shape in ((5, 70), (2, 3, 70)):
        attempt(results, f"layer {shape}", lambda: layer_is_exact(QLinear, ops, scheme, shape))
    attempt(results, "between", lambda: [list(f(x).shape) for f in between])
    weight = torch.ones(2, 8, dtype=torch.int8)
    if ops.is_available():
        attempt(results, "codes", lambda: ops.q8_quantize(x)[0].shape[-1])
        attempt(results, "packed", lambda: ops.q8_describe(ops.q8_pack(weight, torch.ones(2))))
        attempt(results, "portable", lambda: list(ops.q8_linear_portable(x, weight, torch.ones(2)).shape))
    return results

out = sys.argv[1]
for name, (root, isa) in json.loads(sys.argv[2]).items():
    child = os.fork()
    if child == 0:
        status = 1
        with suppress(BaseException):
            log = os.open(f"{out}/{name}.log", os.O_CREAT | os.O_WRONLY)
            os.dup2(log, 2)
            os.environ["INC_HF_ISA"] = isa
            try:
                results = report(root)
            except BaseException:
                import traceback
                traceback.print_exc()
                raise
            with open(f"{out}/{name}.json", "w") as file:
                json.dump(results, file)
            status = 0
        os._exit(status)
    os.waitpid(child, 0)
"""


def copy_package(folder):
    """The package in another folder, without its library."""
    shutil.copytree(PACKAGE, folder / "inc_hf", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    return folder


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """name of a case -> what it found, and what it logged."""
    out = tmp_path_factory.mktemp("reports")
    bare, broken = (copy_package(tmp_path_factory.mktemp(name)) for name in ("bare", "broken"))
    (broken / "inc_hf" / "_kernels.so").write_bytes(b"not a library")
    here = str(PACKAGE.parent)
    cases = {name: (here, name) for name in (*ops.ISAS, "sse2")}
    cases |= {"default": (here, ""), "bare": (str(bare), ""), "broken": (str(broken), "")}
    cases |= {"bare avx2": (str(bare), "avx2"), "bare reference": (str(bare), "reference")}
    arguments = [sys.executable, "-W", "ignore", "-c", SERVER, str(out), json.dumps(cases)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
    subprocess.run(arguments, cwd=out, env=environment, check=True, timeout=120)

    def read(name):
        log = (out / f"{name}.log").read_text()
        file = out / f"{name}.json"
        assert file.is_file(), f"The process of {name!r} died: {log}"
        results = json.loads(file.read_text())
        assert Path(results["root"]).is_relative_to(cases[name][0])
        return results, log

    return read


def assert_works(results):
    assert results["layer (5, 70)"] is True and results["layer (2, 3, 70)"] is True
    assert results["between"] == [[3, 8]] * 3


@needs_kernels
@pytest.mark.parametrize("name", [name for name in ops.ISAS if name in ops.supported_isas()])
def test_a_supported_name_is_what_runs(reports, name):
    results, log = reports(name)
    assert results["isa"] == results["isa again"] == name and results["native"] is True
    assert results["packed"] == f"{name} dense" and results["codes"] == 16 and results["portable"] == [3, 2]
    assert_works(results)
    assert log == ""


@needs_kernels
def test_the_default_is_the_best(reports):
    results, log = reports("default")
    assert results["isa"] == (ops.isa() if not os.environ.get("INC_HF_ISA") else ops.supported_isas()[0])
    assert_works(results)
    assert log == ""


def test_an_unknown_name_lists_the_choices(reports):
    results, _ = reports("sse2")
    expected = "ValueError: INC_HF_ISA='sse2' is unknown; choose one of " + ", ".join(ops.ISAS) + "."
    assert results["isa"] == results["isa again"] == expected
    assert results["native"] == results["layer (5, 70)"] == expected


@needs_kernels
def test_a_name_of_another_cpu_says_so(reports):
    for name in set(ops.ISAS) - {*ops.supported_isas(), "reference"}:  # no CPU has all of them
        results, _ = reports(name)
        refused = "the operating system does not let this process use it"
        reason = refused if name in ops.refused_isas() else "this CPU lacks it"
        expected = f"ValueError: INC_HF_ISA={name} cannot run here: {reason}."
        assert results["isa"] == results["layer (5, 70)"] == expected


@needs_kernels
def test_what_the_system_refuses_is_not_what_runs():
    assert not set(ops.refused_isas()) & set(ops.supported_isas()) and set(ops.refused_isas()) <= {"amx"}


@needs_kernels
def test_the_error_says_that_the_system_refused(monkeypatch):
    from inc_hf.ops import library

    isa = next(name for name in ops.ISAS if name not in ops.supported_isas())
    monkeypatch.setenv("INC_HF_ISA", isa)
    monkeypatch.setattr(library, "refused_isas", lambda: [isa])
    with pytest.raises(ValueError, match=f"INC_HF_ISA={isa} cannot run here: the operating system does not let"):
        library.isa.__wrapped__()


def test_the_reference_on_request(reports):
    for name in ("reference", "bare reference"):
        results, log = reports(name)
        assert results["isa"] == "reference" and results["native"] is False
        assert_works(results)
        assert log == "", "what was asked for is not worth a warning"


@needs_kernels
def test_explicit_native_calls_run_beside_the_reference(reports):
    """An exported program holds `q8_linear_portable`: it must run whatever INC_HF_ISA says."""
    results, _ = reports("reference")
    best = ops.supported_isas()[0]
    assert results["codes"] == 16 and results["packed"] == f"{best} dense" and results["portable"] == [3, 2]


def test_without_the_library_everything_runs_on_the_reference(reports):
    results, log = reports("bare")
    assert results["isa"] == "reference" and results["native"] is False and results["available"] is False
    assert_works(results)
    assert results["why"] == "this installation was made without them, with INC_HF_BUILD=pure"
    assert log.count("inc_hf runs quantized layers in plain torch") == 1 and len(log.splitlines()) == 1
    assert results["why"] in log and "pip install --force-reinstall --no-deps" in log


def test_a_library_that_cannot_be_loaded(reports):
    results, log = reports("broken")
    assert results["isa"] == "reference" and results["native"] is False and results["available"] is False
    assert_works(results)
    assert "_kernels.so cannot be loaded into torch" in results["why"]
    assert log.count("inc_hf runs quantized layers in plain torch") == 1
    assert results["why"] in log and "pip install --force-reinstall --no-deps" in log


def test_a_native_name_without_the_library_says_why(reports):
    results, _ = reports("bare avx2")
    assert results["isa"] == f"ValueError: INC_HF_ISA=avx2 cannot run here: {results['why']}."


def test_without_the_library_the_lists_are_empty(reports, monkeypatch):
    from inc_hf.ops import library

    monkeypatch.setattr(library, "is_available", lambda: False)
    assert library.supported_isas() == library.refused_isas() == []
