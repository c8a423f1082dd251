"""Without VNNI, sums of uint8 times int8 saturate in ONNX Runtime: files of ours must not.

Real where this CPU has no VNNI; elsewhere in QEMU's user mode, which shows an AVX2 CPU.
"""

import shutil
import subprocess
import sys

import pytest
import torch
from tiny import offline_environment
from torch import nn

from inc_hf import PostTrainingQuantConfig, ops
from inc_hf.backends.onnxruntime import EXACT
from inc_hf.export.onnx import export_onnx
from inc_hf.quantization import fit

QEMU = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")
# What `open_session` does where `ops.has_vnni()` is False, without torch, which takes minutes to start in QEMU.
RUN = """
import sys
import numpy, onnxruntime
path, inputs, outputs, *entries = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
for entry in entries:
    options.add_session_config_entry(entry, "1")
session = onnxruntime.InferenceSession(path, options)
numpy.save(outputs, session.run(None, {session.get_inputs()[0].name: numpy.load(inputs)})[0])
"""


class Extreme(nn.Module):
    """All activations and weights are the largest there are: every sum is as far from 0 as it can be."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 32)
        nn.init.constant_(self.linear.weight, 1.0)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x):
        return self.linear(x)


def model_and_inputs(approach, bits):
    x = torch.cat([torch.full((4, 64), 1.0), torch.full((4, 64), -1.0)])
    config = PostTrainingQuantConfig(approach=approach, op_type_dict={"Linear": {"weight": {"bits": bits}}})
    return fit(nn.Sequential(Extreme()), config, calib_dataloader=[(x,)]).model, x


def outputs_without_vnni(path, x, folder, entries=()):
    if QEMU is None and ops.has_vnni():
        pytest.skip("this CPU has VNNI, and there is no QEMU (apt install qemu-user) to show one without")
    import numpy as np

    np.save(folder / "x.npy", x.numpy())
    command = [sys.executable, "-c", RUN, path, folder / "x.npy", folder / "y.npy", *entries]
    emulated = [QEMU] if ops.has_vnni() else []
    # The numpy of this machine may be told to use kernels of a CPU that QEMU does not show.
    environment = offline_environment(QEMU_CPU="max", OPENBLAS_CORETYPE="Haswell")
    subprocess.run([*emulated, *map(str, command)], check=True, timeout=300, env=environment)
    return torch.from_numpy(np.load(folder / "y.npy"))


@pytest.mark.slow("inc_hf/backends", "inc_hf/export", "inc_hf/quantize")
@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
@pytest.mark.parametrize("approach", ["dynamic", "static"])
@pytest.mark.parametrize("bits, entries", [(7, ()), (8, EXACT)], ids=["7 bits", "8 bits, exact"])
def test_no_sum_saturates(bits, entries, approach, form, tmp_path):
    model, x = model_and_inputs(approach, bits)
    path = export_onnx(model, {"input": x}, tmp_path / "model.onnx", quant_format=form)
    with torch.no_grad():
        expected = model(x)
    got = outputs_without_vnni(path, x, tmp_path, entries)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


def test_the_sums_would_saturate_otherwise(tmp_path):
    """That the tests above can fail."""
    model, x = model_and_inputs("dynamic", 8)
    path = export_onnx(model, {"input": x}, tmp_path / "model.onnx")
    got = outputs_without_vnni(path, x, tmp_path)
    with torch.no_grad():
        assert (got - model(x)).abs().max() > 1


@pytest.mark.parametrize("bits, opened", [(7, 1), (8, 2)])
def test_exact_kernels_only_where_the_file_needs_them(bits, opened, tmp_path, monkeypatch):
    import onnxruntime

    from inc_hf.backends.onnxruntime import open_session

    model, x = model_and_inputs("dynamic", bits)
    path = export_onnx(model, {"input": x}, tmp_path / "model.onnx")
    sessions = []
    real = onnxruntime.InferenceSession
    monkeypatch.setattr(ops, "has_vnni", lambda: False)
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *a, **k: sessions.append(a[1]) or real(*a, **k))
    open_session(path)
    assert len(sessions) == opened
    if opened == 2:
        assert {sessions[1].get_session_config_entry(entry) for entry in EXACT} == {"1"}
