"""Processes: they begin together, an error in one of them ends all, and none is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from tiny import offline_environment, tiny_inputs, tiny_model

from inc_hf.benchmark.batches import read_batches, write_batches
from inc_hf.benchmark.cores import physical_cores
from inc_hf.benchmark.instances import WORKER, BenchmarkError, Instance, started
from inc_hf.benchmark.measure import take_turns
from inc_hf.benchmark.statistics import throughput

pytest_plugins = ["worker_fixture"]

two_cores = pytest.mark.skipif(len(physical_cores()) < 2, reason="this machine has one core")


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    model = tiny_model("bert")
    model.save_pretrained(folder)
    write_batches([tiny_inputs(model)], folder / "batches.safetensors")
    return {
        "model": str(folder),
        "backend": "torch",
        "trust_remote_code": False,
        "kind": "checkpoint",
        "task": None,
        "batches": str(folder / "batches.safetensors"),
        "warmup": 2,
        "inter_threads": None,
    }


def cpus(count):
    return [[core[0]] for core in physical_cores()[:count]]


def is_alive(pid):
    return Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


@two_cores
@pytest.mark.slow("inc_hf/benchmark")
def test_a_slow_starter(task):
    """It is waited for: in every turn both run at the same time."""
    late = ("sh", "-c", f"sleep 3; exec {' '.join(WORKER)}")
    first, second = cpus(2)
    begun = time.perf_counter()
    with started([Instance("early", task, first), Instance("late", task, second, late)]) as instances:
        assert time.perf_counter() - begun > 3
        turns = take_turns({"model": instances}, seconds=0.6, turn=0.2)["model"]
    assert len(turns) == 3
    for windows in turns:
        assert abs(windows[0].starts[0] - windows[1].starts[0]) < 0.1
        alone = [throughput([window]) for window in windows]
        assert 0.5 * sum(alone) < throughput(windows) < 1.5 * sum(alone)
        assert windows[0].samples[0] == 3


def test_calls_are_counted(task):
    with started([Instance("model", task, cpus(1)[0])]) as instances:
        (windows,) = take_turns({"model": instances}, calls=5, turn=60)["model"]
        assert len(windows[0].starts) == 5
        assert instances[0].peak_rss > 50e6 and instances[0].load_seconds > 0
        assert instances[0].facts["bytes"] > 1000


@pytest.mark.usefixtures("forked_workers")
@pytest.mark.parametrize("what", ["absent", "kind"])
def test_one_that_fails_ends_all(what, task, tmp_path):
    broken = {**task, "model": str(tmp_path / "absent")} if what == "absent" else {**task, "batches": "absent"}
    good, bad = Instance("good", task, cpus(1)[0]), Instance("bad, instance 1", broken, cpus(1)[0])
    with pytest.raises(BenchmarkError, match="bad, instance 1 ended with exit code 1: .*(absent|Error)"):
        with started([good, bad]):
            pytest.fail("it was ready")
    assert not is_alive(good.process.pid) and not is_alive(bad.process.pid)


@pytest.mark.slow("inc_hf/benchmark")
def test_one_that_dies_in_its_turn(task):
    instance = Instance("model", task, cpus(1)[0])
    with pytest.raises(BenchmarkError, match="model was ended by signal 9"):
        with started([instance]):
            instance.tell({"start": time.perf_counter(), "seconds": 30})
            os.kill(instance.process.pid, signal.SIGKILL)
            instance.window()


RUN = """
import sys
from inc_hf.benchmark import fit
fit(sys.argv[1], seconds=600, progress=False)
"""


def children_of(pid):
    return [child.pid for child in psutil.Process(pid).children()]


def hear_ctrl_c():
    """A shell lets what it starts in the background ignore Ctrl-C, tests and all that they start among it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow("inc_hf/benchmark", "tests/worker_fixture.py")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
def test_no_orphans(number, task):
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, task["model"]],
        env=offline_environment(),
        stderr=subprocess.PIPE,
        preexec_fn=hear_ctrl_c,
    )
    try:
        deadline = time.monotonic() + 120
        while len(found := children_of(process.pid)) < 3 and time.monotonic() < deadline:
            time.sleep(0.5)
        assert len(found) == 3
        process.send_signal(number)
        process.communicate(timeout=60)
    finally:
        process.kill()  # or a failure would leave it to measure for half an hour
    deadline = time.monotonic() + 60
    while any(map(is_alive, found)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(map(is_alive, found))


def test_batches(tmp_path):
    batches = [{"x": torch.arange(i + 1), "y": torch.ones(2, i + 1)[:, ::2]} for i in range(11)]
    assert write_batches(batches, tmp_path / "b.safetensors") == 11
    for batch, again in zip(batches, read_batches(tmp_path / "b.safetensors"), strict=True):
        assert all(torch.equal(batch[name], again[name]) for name in batch)
    with pytest.raises(ValueError, match="The dataloader is empty"):
        write_batches([], tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match="must be a dict of tensors by the names of inputs, got list"):
        write_batches([[1]], tmp_path / "none.safetensors")
    assert not (tmp_path / "none.safetensors").exists()
