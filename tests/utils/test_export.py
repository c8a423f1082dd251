"""INC's `utils.export`."""

import numpy as np
import onnxruntime
import pytest
import torch
from fitting import config, images, net

from inc_hf import Model
from inc_hf.quantization import fit
from inc_hf.utils.export import tf_to_fp32_onnx, torch_to_fp32_onnx, torch_to_int8_onnx


def outputs_of(path):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: images(3).numpy()})[0]


def test_float_and_quantized(tmp_path):
    float_model = Model(net())
    with torch.no_grad():
        expected = float_model(images(3)).numpy()
    torch_to_fp32_onnx(float_model, tmp_path / "fp32.onnx", images(2))
    np.testing.assert_allclose(outputs_of(tmp_path / "fp32.onnx"), expected, atol=1e-5)
    quantized = fit(net(), config("static"), calib_dataloader=[images()]).model
    torch_to_int8_onnx(
        float_model, quantized, tmp_path / "int8.onnx", images(2), q_config={}, quant_format="QOperator"
    )
    with torch.no_grad():
        np.testing.assert_allclose(outputs_of(tmp_path / "int8.onnx"), quantized(images(3)).numpy(), atol=0.02)


def test_of_tensorflow(tmp_path):
    with pytest.raises(ValueError, match="stay with `neural-compressor<3`"):
        tf_to_fp32_onnx("model", tmp_path / "model.onnx")
