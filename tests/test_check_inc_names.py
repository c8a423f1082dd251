"""scripts/check_inc_names.py: every public name of INC's for PyTorch is here, or its absence has a reason."""

import copy
import importlib
import sys
from pathlib import Path

import pytest

from inc_hf.config.elsewhere import OTHERS, check_framework
from inc_hf.errors import UsageError

SCRIPTS = str(Path(__file__).parents[1] / "scripts")


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    yield importlib.import_module("check_inc_names")
    sys.modules.pop("check_inc_names", None)


def test_nothing_is_missing_without_a_reason(script, capsys):
    assert script.main([]) == 0, capsys.readouterr().out
    (line,) = capsys.readouterr().out.splitlines()
    assert " 0 missing, " in line


def test_what_is_missing_is_said(script, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(script, "LISTS", tmp_path)
    (tmp_path / "2.6.txt").write_text(
        "# comment\n"
        "neural_compressor.config PostTrainingQuantConfig 2.0 3.7\n"
        "neural_compressor.config Purple 2.0 3.7\n"
        "neural_compressor.purple - 2.0 3.7\n"
        "neural_compressor.config green 2.0 3.7 nobody wants it\n"
        "neural_compressor.utils logger 1.7 3.7 it is here\n"
    )
    assert script.main(["--all"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "missing: neural_compressor.config.Purple (2.0 to 3.7)",
        "missing: neural_compressor.purple (2.0 to 3.7)",
        "left out: neural_compressor.config.green (2.0 to 3.7): nobody wants it",
        "not left out: neural_compressor.utils.logger, whose reason is 'it is here'",
        "5 names: 2 missing, 1 left out, 1 not left out.",
    ]


REFUSED = {
    "experimental.older.Quantization": "use `inc_hf.experimental.Quantization(conf)`, set `.model`",
    "adaptor.torch_utils.autoround.AutoRound": "which rounds to nearest",
    "config.TF2ONNXConfig": "for TensorFlow and Keras stay with `neural-compressor<3`",
    "config.ONNXQlinear2QDQConfig": "files of ONNX are written with `inc-hf export`",
    "data.TensorflowImageRecord": "for TensorFlow and Keras stay with `neural-compressor<3`",
    "metric.COCOmAPv2": "pass an `eval_func` that uses `torchmetrics",
    "model.onnx_model.ONNXModel": "to quantize a file of ONNX use `onnxruntime.quantization`",
    "objective.objective_registry": "objectives of one's own are not measured; name some of accuracy",
    "adaptor.pytorch.PyTorch_FXAdaptor": "quantize with `inc_hf.quantization.fit`",
    "adaptor.tf_utils.util.is_ckpt_format": "for TensorFlow and Keras stay with `neural-compressor<3`",
    "training.prepare": "use `prepare_compression(model, [config, ...])`, or give the confs of 1.X to the classes",
    "utils.utility.recover": "`set_resume_from` goes on from them",
    "utils.pytorch.recover_model_from_json": "load what that has saved",
    "utils.load_huggingface.export_compressed_model": "`save_pretrained` of a quantized model stores it compressed",
}


@pytest.mark.parametrize("name, message", REFUSED.items(), ids=REFUSED)
def test_what_is_elsewhere_can_be_imported_and_says_so_at_its_use(name, message):
    module, _, last = name.rpartition(".")
    thing = getattr(importlib.import_module(f"inc_hf.{module}"), last)
    with pytest.raises(UsageError) as raised:
        thing("anything", at=1)
    assert f"INC's `{last}` is not here: " in str(raised.value) and message in str(raised.value)

    class Own(thing):  # which a script may do at its top
        pass

    with pytest.raises(UsageError, match="is not here"):
        Own()


@pytest.mark.parametrize("name", ["config", "quantization", "pytorch_config", "check_value"])
def test_an_object_that_all_of_inc_shared(name):
    """It can be imported, and says at its first use what to do."""
    thing = getattr(importlib.import_module("inc_hf.conf.pythonic_config"), name)
    said = f"INC's `conf.pythonic_config.{name}` is not here: it was one object for all of a script; make"
    with pytest.raises(UsageError, match=said):
        thing.inputs = ["x"]
    with pytest.raises(UsageError, match=said):
        thing.quantization.inputs = ["x"]
    with pytest.raises(UsageError, match=said):
        thing("name", 1)
    copy.copy(thing)
    with pytest.raises(ImportError, match="cannot import name 'purple'"):
        from inc_hf.conf.pythonic_config import purple  # noqa: F401


def test_frameworks():
    assert [check_framework(name) for name in ("pytorch", "pytorch_fx", "pytorch_ipex")]
    for name in (*OTHERS, "jax", None, ["pytorch"]):
        with pytest.raises(
            UsageError, match="`framework` must be one of 'pytorch', 'pytorch_fx', 'pytorch_ipex', got"
        ):
            check_framework(name)
    with pytest.raises(UsageError, match="got 'mxnet': .* MXNet has been retired"):
        check_framework("mxnet")
    with pytest.raises(UsageError, match="got 'onnxrt_qlinearops': files of ONNX are written"):
        check_framework("onnxrt_qlinearops")


def test_what_was_at_the_top_in_1_x():
    from inc_hf import Benchmark, conf

    assert not conf.quantization.approach  # an object to write to, see tests/experimental/test_conf_classes.py
    assert not hasattr(conf, "purple")
    with pytest.raises(UsageError, match="use `inc_hf.experimental.Benchmark"):
        Benchmark("conf.yaml")
