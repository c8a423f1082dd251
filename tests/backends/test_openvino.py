"""OpenVINO runs the files that are written for ONNX Runtime."""

import builtins
import shutil
from pathlib import Path

import pytest
import torch
from slow import ONNX
from tiny import logits_of, quantized, tiny_inputs, tiny_model

from inc_hf.backends import openvino
from inc_hf.export import export_model
from inc_hf.export.onnx import export_onnx


@pytest.mark.parametrize("approach", ["float", "dynamic", "static"])
@pytest.mark.parametrize("name", ["bert", pytest.param("vit", marks=pytest.mark.slow(*ONNX))])
def test_the_same_outputs(name, approach, tmp_path):
    pytest.importorskip("openvino")
    model = tiny_model(name, num_hidden_layers=2)  # errors of OpenVINO began in the second layer
    if approach != "float":
        model = quantized(model, approach).model
    (path,) = export_model(model, tmp_path)
    inputs = tiny_inputs(model, batch_size=8)
    session = openvino.open_session(path)
    types = {"token_type_ids": torch.zeros_like(inputs["input_ids"])} if name == "bert" else {}
    expected = logits_of(model, inputs)
    differences = (session({**inputs, **types})["logits"] - expected).abs().amax(1) / expected.abs().max()
    # A difference of 1e-7 can move an activation to the next integer; that should be rare.
    assert differences.max() <= (1e-4 if approach == "float" else 5e-2)
    assert (differences <= 1e-4).float().mean() > 0.6
    assert session.output_names == ["logits"] and session.input_shapes[session.input_names[0]][0] == "?"


@pytest.mark.slow(*ONNX, "pyproject.toml")
@pytest.mark.parametrize("head_size", [64, 192])
@pytest.mark.parametrize("approach", ["float", "dynamic", "static"])
def test_large_heads(approach, head_size, tmp_path):
    """OpenVINO's own compiler of subgraphs computes them wrongly, from the second layer on."""
    pytest.importorskip("openvino")
    sizes = {"hidden_size": 2 * head_size, "num_attention_heads": 2, "num_hidden_layers": 2}
    model = tiny_model("bert", **sizes)
    model.apply(lambda m: torch.nn.init.normal_(m.weight, std=0.05) if isinstance(m, torch.nn.Linear) else None)
    model = model if approach == "float" else quantized(model, approach).model
    (path,) = export_model(model, tmp_path)
    if approach == "static" and head_size >= 128:
        with pytest.raises(ValueError, match="OpenVINO computes .*model_quantized.onnx wrongly, which has static act"):
            openvino.open_session(path)
        return
    inputs = tiny_inputs(model, batch_size=8)
    expected = logits_of(model, inputs)
    got = openvino.open_session(path)({**inputs, "token_type_ids": torch.zeros_like(inputs["input_ids"])})["logits"]
    differences = (got - expected).abs().amax(1) / expected.abs().max()
    assert differences.max() <= (1e-4 if approach == "float" else 5e-2)
    assert (differences <= 1e-4).float().mean() > 0.6


class Rounding(torch.nn.Module):
    def forward(self, x):
        return x.to(torch.bfloat16).to(torch.float32)


def test_rounding_to_bfloat16(tmp_path):
    """OpenVINO removes such casts, and with them the scales that our integers belong to."""
    pytest.importorskip("openvino")
    ties = 1 + (torch.arange(16) + 0.5) / 128  # between two numbers of bfloat16
    powers = torch.tensor(2.0) ** torch.arange(-60, 60)
    near = torch.cat([powers, powers.nextafter(torch.tensor(0.0)), powers.nextafter(torch.tensor(1e30))])
    x = torch.cat([torch.zeros(1), ties, near, torch.randn(4096).exp()])
    x = torch.stack([x, -x])
    path = export_onnx(Rounding(), {"x": x}, tmp_path / "model.onnx")
    (got,) = openvino.open_session(path)({"x": x}).values()
    assert torch.equal(got, x.to(torch.bfloat16).to(torch.float32))
    assert not torch.equal(got, x)


def test_errors(tmp_path, onnx_files):
    pytest.importorskip("openvino")
    path = Path(shutil.copy(onnx_files("bert", "float")[0], tmp_path))
    with pytest.raises(ValueError, match="needs the inputs attention_mask, token_type_ids, got input_ids"):
        openvino.open_session(path)({"input_ids": torch.ones(1, 4, dtype=torch.long)})
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match="OpenVINO cannot load .*model.onnx"):
        openvino.open_session(path)
    with pytest.raises(FileNotFoundError, match="There is no ONNX file"):
        openvino.open_session(tmp_path / "none.onnx")


def test_not_installed(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "openvino":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'inc-hf\[openvino\]'"):
        openvino.require_openvino()
