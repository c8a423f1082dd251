"""The kernels use torch's threads, as many as it was told to, and survive a fork."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

import inc_hf
from inc_hf import ops

pytestmark = pytest.mark.skipif(not ops.is_available(), reason=f"no native kernels: {ops.why_unavailable()}")

# In a process of its own: what threads there are belongs to the process. Prints one JSON object.
SCRIPT = """
import json, os, time
import torch
from inc_hf import ops

def threads():
    return len(os.listdir("/proc/self/task"))

class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return 4
    def __getitem__(self, i):
        return multiply()

def multiply():
    return [ops.q8_linear_packed(x, p, 512, activation="gelu") for p in packed]

def same(results):
    # In numpy: torch's own operators would wait in a forked child for threads that stayed behind.
    return all((a.numpy() == b.numpy()).all() for a, b in zip(results, y, strict=True))

def run_everything():
    codes, scales = ops.q8_quantize(x)
    for p in packed:
        ops.q8_accumulate(codes, p, 512)
        ops.q8_matmul(codes, scales, p, 512)
        ops.q8_unpack(p)
    ops.q8_linear_portable(x, weight, scale)
    return multiply()

def in_child(call):
    # The exit code of a forked child that runs `call`, or the reason why it was ended.
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if call() else 2
        finally:
            os._exit(code)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "hung"

torch.manual_seed(0)
found = {}
torch.set_num_threads(1)
weight = torch.randint(-127, 128, (512, 512), dtype=torch.int8)
weight[::8] = 0
scale, x = torch.rand(512) * 0.01 + 0.001, torch.randn(300, 512)
at_start = threads()
packed = [ops.q8_pack(weight, scale, None, kind) for kind in ("dense", "sparse")]
y = run_everything()
found["started with 1 thread"] = threads() - at_start
found["child before the pool"] = in_child(lambda: same(multiply()))

torch.set_num_threads(2)
a = torch.randn(600, 600)
for _ in range(3):
    a @ a
    torch.randn(1 << 20) + 1
of_torch = threads()
found["threads of torch"] = of_torch - at_start
found["same with 2 threads"] = all(same(run_everything()) for _ in range(5))
found["started with 2 threads"] = threads() - of_torch

found["child after the pool"] = in_child(lambda: all(same(run_everything()) for _ in range(3)))
found["child of a child"] = in_child(lambda: in_child(lambda: same(multiply())) == 0)
found["child with 1 thread"] = in_child(lambda: torch.set_num_threads(1) or same(multiply()))
found["threads of a child"] = in_child(lambda: same(multiply()) and threads() == 1)

workers = {"num_workers": 2, "multiprocessing_context": "fork", "timeout": 30}
loader = torch.utils.data.DataLoader(Rows(), batch_size=None, **workers)
found["workers"] = all(same(batch) for batch in loader)
found["parent after its children"] = same(run_everything())
torch.set_num_threads(1)
found["back to 1 thread"] = same(run_everything())
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    environment = {**os.environ, "PYTHONPATH": str(Path(inc_hf.__file__).parents[1])}
    environment.pop("OMP_NUM_THREADS", None)
    environment["OPENBLAS_NUM_THREADS"] = "1"  # the threads of numpy come and go with every fork
    arguments = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    folder = tmp_path_factory.mktemp("threads")
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads in /proc/self/task")


@needs_proc
def test_one_thread_starts_none(found):
    assert found["started with 1 thread"] == 0


@needs_proc
def test_two_threads_are_those_of_torch(found):
    assert found["threads of torch"] >= 1
    assert found["started with 2 threads"] == 0


@pytest.mark.parametrize("name", ["same with 2 threads", "parent after its children", "back to 1 thread", "workers"])
def test_the_result_is_the_same(found, name):
    assert found[name] is True


@pytest.mark.parametrize(
    "name",
    ["child before the pool", "child after the pool", "child of a child", "child with 1 thread", "threads of a child"],
)
def test_a_forked_child_computes_the_same(found, name):
    assert found[name] == 0


def packed_layer(n, k, kind, isa=""):
    weight = torch.randint(-127, 128, (n, k), dtype=torch.int8)
    weight[4:8, ::3] = 0
    return ops.q8_pack(weight, torch.rand(n) * 0.01 + 1e-3, torch.randn(n), kind, isa)


@pytest.mark.parametrize("isa", ops.supported_isas())
@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("m, n, k", [(1, 3000, 700), (7, 515, 1030), (130, 300, 200), (700, 16, 512)], ids=str)
def test_the_number_of_threads_does_not_change_a_bit(m, n, k, kind, isa):
    packed, x, residual = packed_layer(n, k, kind, isa), torch.randn(m, k), torch.randn(m, n)
    expected = ops.q8_linear_packed(x, packed, n, activation="gelu", residual=residual)
    codes, scales = ops.q8_quantize(x)
    total = ops.q8_accumulate(codes, packed, n)
    for threads in (2, 3):
        torch.set_num_threads(threads)
        y = ops.q8_linear_packed(x, packed, n, activation="gelu", residual=residual)
        assert torch.equal(y, expected)
        again, same_scales = ops.q8_quantize(x)
        assert torch.equal(again, codes) and torch.equal(same_scales, scales)
        assert torch.equal(ops.q8_accumulate(codes, packed, n), total)


@pytest.mark.parametrize("threads", [1, 2])
def test_four_callers_at_once(threads):
    """Each of them with shapes of its own, so that memory kept from call to call would be seen by the wrong one."""
    layers = [packed_layer(n, k, kind) for n, k in ((300, 512), (77, 130)) for kind in ("dense", "sparse")]
    shapes = [(300, 512), (300, 512), (77, 130), (77, 130)]
    inputs = [torch.randn(m, k) for m in (3, 64, 257) for _, k in shapes]
    jobs = [(x, layers[i % 4], shapes[i % 4][0]) for i, x in enumerate(inputs)] * 8
    expected = [ops.q8_linear_packed(x, packed, n) for x, packed, n in jobs[: len(inputs)]] * 8
    torch.set_num_threads(threads)

    def call(job):
        torch.set_num_threads(threads)
        x, packed, n = job
        return ops.q8_linear_packed(x, packed, n)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(call, jobs))
    assert all(torch.equal(y, e) for y, e in zip(results, expected, strict=True))


def test_packing_in_several_threads_at_once():
    weight, scale = torch.randint(-127, 128, (300, 512), dtype=torch.int8), torch.rand(300) + 0.1
    for kind in ("dense", "sparse"):
        expected = ops.q8_pack(weight, scale, None, kind)
        with ThreadPoolExecutor(4) as pool:
            results = pool.map(lambda _: ops.q8_pack(weight, scale, None, kind), range(16))  # noqa: B023
            assert all(torch.equal(packed, expected) for packed in results)
