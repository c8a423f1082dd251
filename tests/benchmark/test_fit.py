"""`inc_hf.benchmark.fit`, end to end."""

import json
import shutil
import sys

import pytest
import torch
from fresh import run_fresh
from tiny import TinyNet, quantized, tiny_inputs, tiny_model
from torch import nn

from inc_hf import IncModelForSequenceClassification
from inc_hf.benchmark import benchmark_with_raw_cmd, fit, function_worker
from inc_hf.benchmark.cores import physical_cores
from inc_hf.benchmark.instances import BenchmarkError
from inc_hf.benchmark.several import write_function
from inc_hf.config import BenchmarkConfig

pytest_plugins = ["worker_fixture"]

SHORT = {"seconds": 0.5, "progress": False}
two_cores = pytest.mark.skipif(len(physical_cores()) < 2, reason="this machine has one core")


@pytest.fixture(scope="module")
def int8(tmp_path_factory, onnx_files):
    folder = tmp_path_factory.mktemp("int8") / "model"
    quantized("bert").save_pretrained(folder)
    shutil.copytree(onnx_files("bert", "dynamic")[0].parent, folder / "onnx")
    return folder


@pytest.mark.slow("inc_hf/benchmark", "inc_hf/inference", "inc_hf/quantize", "inc_hf/runtimes")
def test_beside_a_float_twin(int8):
    result = fit(int8, batch_size=2, sequence_length=16, **SHORT)
    first, ours = result.measurements
    assert first.name == "FP32, random weights" and ours.name == "model on torch"
    assert first.speedup == 1.0 and ours.speedup > 0 and ours.throughput > 0
    assert ours.bytes == sum(path.stat().st_size for path in int8.glob("*.safetensors")) < first.bytes
    assert ours.facts["integer_share"] > 0.9 and first.facts["dtype"] == "float32"
    assert ours.latency.p50 <= ours.latency.p90 <= ours.latency.p99 and ours.latency.calls > 3
    assert result.noise is not None and "they differ by" in result.notes[0]
    assert "batches of 2 x 16, 1 instance of" in result.about["batches"]
    assert "model on torch" in repr(result)
    assert (ours.speedup < 1 - result.noise) == any("is slower than what" in note for note in result.notes)


@pytest.mark.usefixtures("forked_workers")
def test_a_model_and_batches_of_the_caller(tmp_path):
    """As INC is called: every batch of the loader once."""
    model = quantized("bert")
    batches = [tiny_inputs(model.model, size) for size in (1, 2, 3)]
    result = fit(model, BenchmarkConfig(warmup=1), batches, baseline=tiny_model("bert"), progress=False)
    first, ours = result.measurements
    assert first.name == "baseline (baseline)" and ours.latency.calls == first.latency.calls == 3
    assert "several sizes" in result.about["batches"]
    path = result.to_json_file(tmp_path / "new" / "result.json")
    assert json.loads(path.read_text())["measurements"][1]["latency"]["calls"] == 3
    counted = fit(model, BenchmarkConfig(iteration=5, inter_num_of_threads=1), batches, baseline=False, progress=False)
    assert [m.latency.calls for m in counted.measurements] == [5]


@pytest.mark.usefixtures("forked_workers")
@two_cores
def test_instances(int8):
    result = fit(int8, BenchmarkConfig(num_of_instance=2, cores_per_instance=1), **SHORT)
    assert "2 instances of 1 core" in result.about["batches"]
    assert len(result.about["cpus"].split(";")) == 2
    assert all(m.throughput > 0 for m in result.measurements)


@pytest.mark.usefixtures("forked_workers")
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_other_backends(backend, int8):
    pytest.importorskip(backend)
    result = fit(int8, backend=backend, baseline=False, **SHORT)
    assert result.measurements[0].facts == {"backend": backend, "bytes": result.measurements[0].bytes}
    assert result.measurements[0].bytes > 1000


@pytest.mark.usefixtures("forked_workers")
def test_a_loaded_model_on_another_backend(int8):
    loaded = IncModelForSequenceClassification.from_pretrained(int8, backend="onnxruntime")
    assert fit(loaded, baseline=False, **SHORT).measurements[0].name == "model on onnxruntime"


def test_a_function():
    calls = []

    def forward(model):
        calls.append(model(torch.randn(3, 4)))
        return 3

    net = TinyNet()
    (found,) = fit(net, BenchmarkConfig(warmup=2, iteration=7), b_func=forward).measurements
    assert len(calls) == 9 and found.latency.calls == 7 and found.name == "forward"
    assert found.throughput == pytest.approx(3000 / found.latency.mean)
    assert fit(net, b_func=forward, seconds=0.2).measurements[0].latency.calls > 10


def forward(model):
    model(torch.zeros(3, 4))
    return 3


@pytest.mark.usefixtures("forked_workers")
@two_cores
def test_instances_of_a_plain_module():
    """Few calls, which would be over in one instance before the other one begins."""
    conf = BenchmarkConfig(warmup=1, iteration=3, cores_per_instance=1, num_of_instance=2)
    result = fit(TinyNet(), conf, [torch.zeros(3, 4)] * 2, progress=False)
    (found,) = result.measurements
    assert found.name == "TinyNet" and result.noise is not None
    assert found.latency.calls == 6 and found.throughput > 0
    assert result.about["batches"] == "calls of TinyNet, 2 instances of 1 core"


def test_a_function_that_another_process_loads(tmp_path, monkeypatch):
    """What a worker makes of it; see the test above for the rest."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    write_function(TinyNet(), forward, tmp_path / "function.pt")
    task = {"function": tmp_path / "function.pt", "path": sys.path, "threads": 1, "inter_threads": None}
    before = torch.get_num_threads()
    try:
        call, facts = function_worker.load(task)
    finally:
        torch.set_num_threads(before)
    assert call(0) == 3 and facts == {"backend": "b_func", "bytes": 0}
    assert function_worker.samples_of(None) == function_worker.samples_of(True) == 1


SCRIPT = """
from torch import nn, zeros
from inc_hf.benchmark import fit
from inc_hf.config import BenchmarkConfig

class Own(nn.Linear):
    pass

fit(Own(2, 2), BenchmarkConfig(iteration=1, num_of_instance=1), [zeros(1, 2)])
fit(Own(2, 2), BenchmarkConfig(iteration=1, cores_per_instance=1, num_of_instance=2), [zeros(1, 2)])
"""


@two_cores
def test_instances_of_what_only_the_script_knows():
    ran = run_fresh(SCRIPT)
    assert (
        ran.returncode and "`Own` is defined in the script that runs, which they cannot import. Put it" in ran.stderr
    )
    conf = BenchmarkConfig(cores_per_instance=1, num_of_instance=2)
    with pytest.raises(
        ValueError, match="cannot load what is to be timed: .*lambda.* Put it into a module of its own"
    ):
        fit(TinyNet(), conf, b_func=lambda model: 1)


def broken(folder):
    tiny_model("bert").save_pretrained(folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    return folder


@pytest.mark.parametrize(
    "call, error, match",
    [
        (
            lambda m, _: fit(m, BenchmarkConfig(num_of_instance=999)),
            ValueError,
            "999 instances of 1 core need 999 physical cores",
        ),
        (lambda m, _: fit(m, b_dataloader=[]), ValueError, "dataset is empty"),
        (lambda m, _: fit(m, b_dataloader=(b for b in ())), ValueError, "The dataloader is empty"),
        (lambda m, _: fit(m, seconds=0), ValueError, "`seconds` must be larger than 0, got 0"),
        (lambda m, _: fit(m, BenchmarkConfig(backend="itex")), ValueError, "`backend` must be one of default, torch"),
        (lambda m, _: fit(m, BenchmarkConfig(device="gpu")), ValueError, "`device` must be 'cpu', got 'gpu'"),
        (lambda m, _: fit(m, backend="tensorrt"), ValueError, "got 'tensorrt'"),
        (
            lambda m, _: fit(nn.Linear(2, 2)),
            ValueError,
            "A Linear has no form on disk .* pass `b_dataloader`",
        ),
        (
            lambda m, path: fit(broken(path / "b"), progress=False),
            BenchmarkError,
            "ended with exit code 1: .*truncated",
        ),
    ],
    ids=[
        "instances",
        "empty",
        "empty iterable",
        "seconds",
        "inc backend",
        "gpu",
        "backend",
        "module",
        "broken",
    ],
)
@pytest.mark.usefixtures("forked_workers")
def test_errors(call, error, match, int8, tmp_path):
    with pytest.raises(error, match=match):
        call(int8, tmp_path)


def test_a_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    conf = BenchmarkConfig(num_of_instance=len(physical_cores()), cores_per_instance=1)
    (tmp_path / "bench.py").write_text(
        'import os; print("Latency: 2.5 ms"); '
        'print("Throughput:", int(os.environ["NUM_OF_INSTANCE"]) * len(os.sched_getaffinity(0)))'
    )
    found = benchmark_with_raw_cmd("python3 bench.py", conf)
    count = len(physical_cores())
    assert found["latency"] == 2.5 and found["throughput"] == count * count
    assert found["logs"] == [f"{count}_1_{i}.log" for i in range(count)]
    with pytest.raises(BenchmarkError, match="ended with exit code 3, see "):
        benchmark_with_raw_cmd("python3 -c 'raise SystemExit(3)'", conf)
    with pytest.raises(ValueError, match="`raw_cmd` is empty"):
        benchmark_with_raw_cmd(" ", conf)
