import pytest

from inc_hf.config import Torch2ONNXConfig


def test_defaults_and_order():
    assert dict(Torch2ONNXConfig()) == {
        "dtype": "int8",
        "opset_version": 18,
        "quant_format": "QDQ",
        "example_inputs": None,
        "input_names": None,
        "output_names": None,
        "dynamic_axes": None,
    }


def test_opsets_of_inc(caplog):
    assert Torch2ONNXConfig(opset_version=14).opset_version == 18
    assert "`opset_version=14` is too old, 18 is written." in caplog.text


def test_axes():
    assert Torch2ONNXConfig(dynamic_axes={"x": [0, 2]}).dynamic_axes == {"x": {0: "axis_0", 2: "axis_2"}}
    for axes in ({"x": 0}, {"x": {"rows": "n"}}, {"x": {-1: "n"}}):
        with pytest.raises(TypeError, match=r"`dynamic_axes\['x'\]` must be a dict `\{axis: name\}` with axes from 0"):
            Torch2ONNXConfig(dynamic_axes=axes)


@pytest.mark.parametrize(
    "settings, match",
    [
        ({"dtype": "int4"}, "`dtype` must be one of int8, fp32, bf16, got 'int4'"),
        ({"quant_format": "qdq"}, "`quant_format` must be one of QDQ, QOperator, got 'qdq'; did you mean 'QDQ'"),
        ({"opset_version": 0}, "`opset_version` must be at least 1"),
    ],
)
def test_errors(settings, match):
    with pytest.raises(ValueError, match=match):
        Torch2ONNXConfig(**settings)
