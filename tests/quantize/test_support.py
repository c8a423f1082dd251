"""What is not there is refused, or mentioned where it would change nothing."""

import logging

import pytest

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.quantize.support import ONNX_RECIPES, check_supported

REFUSED = {
    "device": ({"device": "gpu"}, "must be 'cpu', got 'gpu'"),
    "backend": ({"backend": "ipex"}, "backend 'ipex' is not available"),
}


@pytest.mark.parametrize("settings, message", REFUSED.values(), ids=REFUSED)
def test_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        check_supported(PostTrainingQuantConfig(**settings))


@pytest.mark.parametrize("settings", [{}, {"backend": "torch"}, {"recipes": {"smooth_quant": True}}], ids=str)
def test_accepted_without_a_word(settings, caplog):
    check_supported(PostTrainingQuantConfig(**settings))
    assert not caplog.records


def test_recipes_for_onnx_runtime_are_mentioned(caplog):
    assert "gemm_to_matmul" in ONNX_RECIPES
    with caplog.at_level(logging.WARNING):
        check_supported(PostTrainingQuantConfig(recipes={"gemm_to_matmul": False}))
    assert "changes nothing here" in caplog.text
