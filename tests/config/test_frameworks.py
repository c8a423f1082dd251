"""Names of INC's config module that nothing here reads, and its dicts with attributes."""

import copy
import pickle

import pytest

from inc_hf.conf.dotdict import DotDict, deep_get, deep_set
from inc_hf.conf.pythonic_config import ActivationConf, OpQuantConf, QuantizationConfig, WeightConf
from inc_hf.config import (
    ONNX,
    DistillationConfig,
    ExportConfig,
    Keras,
    MixedPrecisionConfig,
    MXNet,
    NASConfig,
    PostTrainingQuantConfig,
    PyTorch,
    QuantizationAwareTrainingConfig,
    TensorFlow,
    Torch2ONNXConfig,
    _BaseQuantizationConfig,
    _Config,
)
from inc_hf.errors import UsageError


def test_frameworks():
    for kind in (MXNet, Keras, TensorFlow, PyTorch, ONNX):
        conf = kind()
        assert conf.precisions is None
        conf.precisions = "bf16"
        assert conf.precisions == ["bf16"]
        with pytest.raises(UsageError, match="precisions"):
            conf.precisions = ["int3"]
    assert MXNet(["int8", "fp32"]) == MXNet(precisions=["int8", "fp32"])
    with pytest.raises(UsageError, match="`graph_optimization_level` must be one of DISABLE_ALL"):
        ONNX("ALL")


def test_all_configs_in_one():
    conf = _Config(quantization=PostTrainingQuantConfig(approach="dynamic", diagnosis=True))
    assert conf.quantization.approach == "dynamic" and conf.diagnosis is True
    assert _Config().diagnosis is False and _Config(quantization=None, benchmark=None).quantization is None
    assert _Config().quantization is not _Config().quantization  # INC shared one
    assert conf.mxnet == MXNet() and conf.nas.search.max_trials == 3 and NASConfig("basic").approach == "basic"


def test_the_base_of_both_quantization_configs():
    for conf in (PostTrainingQuantConfig(), QuantizationAwareTrainingConfig(), QuantizationConfig()):
        assert isinstance(conf, _BaseQuantizationConfig)
    assert not isinstance(DistillationConfig(), _BaseQuantizationConfig)
    assert not isinstance(MixedPrecisionConfig(), _BaseQuantizationConfig)
    assert ExportConfig is Torch2ONNXConfig


def test_how_a_type_is_quantized():
    conf = OpQuantConf("Linear", WeightConf(datatype="int8", scheme=["sym"]), ActivationConf(algorithm="kl"))
    expected = {"Linear": {"weight": {"dtype": ["int8"], "scheme": ["sym"]}, "activation": {"algorithm": ["kl"]}}}
    assert conf.to_dict() == expected
    assert PostTrainingQuantConfig(op_type_dict=conf.to_dict()).op_type_dict == expected
    with pytest.raises(UsageError, match="algorithm"):
        WeightConf(algorithm="kl")


def test_dicts_with_attributes():
    conf = DotDict({"a": {"b": 1}, "pruners": [{"x": 1}, {"y": 2}], "names": ["p", "q"], "one": [{"z": 3}]})
    assert conf.a.b == 1 and conf.missing is None and conf["missing"] is None
    assert conf.pruners == {"x": 1, "y": 2} and conf.one.z == 3 and conf.names == ["p", "q"]
    conf.a.c = {"d": 4}
    assert conf.a.c.d == 4 and conf["a"]["c"] == {"d": 4} and deep_get(conf, "a.c.d") == 4
    deep_set(conf, "new.path.here", 5)
    assert conf.new.path.here == 5 and deep_get(conf, "a.no.such", "default") == "default"
    assert copy.deepcopy(conf) == conf and pickle.loads(pickle.dumps(conf)) == conf
    assert copy.deepcopy(conf).a.c.d == 4 and copy.deepcopy(conf).a is not conf.a
    with pytest.raises(TypeError, match="expected dict"):
        DotDict([1])
