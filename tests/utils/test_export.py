"""INC's `utils.export`."""

import pytest
from fitting import config, images, net

from inc_hf import Model
from inc_hf.quantization import fit
from inc_hf.utils.export import tf_to_fp32_onnx, torch_to_fp32_onnx, torch_to_int8_onnx


def test_they_ask_for_what_their_names_say(tmp_path):
    quantized = fit(net(), config()).model
    with pytest.raises(ValueError, match="fp32"):
        torch_to_fp32_onnx(Model(quantized), tmp_path / "model.onnx", images(2))
    with pytest.raises(ValueError, match="int8"):
        torch_to_int8_onnx(net(), net(), tmp_path / "model.onnx", images(2), q_config={}, weight_type="S8")
    with pytest.raises(ValueError, match="quant_format"):
        torch_to_int8_onnx(net(), quantized, tmp_path / "model.onnx", images(2), quant_format="QQ")
    with pytest.raises(ValueError, match="stay with `neural-compressor<3`"):
        tf_to_fp32_onnx("model", tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
