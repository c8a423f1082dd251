"""INC's `Model`, and what stands for models of other frameworks."""

import pytest
import torch
from fitting import config, images, net
from tiny import logits_of, tiny_inputs, tiny_model
from torch import nn

from inc_hf import Model, mix_precision, quantization
from inc_hf.model.model import get_model_fwk_name
from inc_hf.model.torch_model import PyTorchFXModel, PyTorchModel
from inc_hf.training import prepare_compression


def test_all_functions_take_it():
    float_model = tiny_model("bert")
    expected = logits_of(quantization.fit(tiny_model("bert"), config()).model)
    model = Model(float_model)
    assert isinstance(model, PyTorchFXModel) and model.model is float_model and Model(model) is model
    quantized = quantization.fit(model, config())
    assert quantized.model is float_model and torch.equal(logits_of(quantized.model), expected)
    assert isinstance(mix_precision.fit(Model(tiny_model("bert"))).model, type(float_model))
    from inc_hf import QuantizationAwareTrainingConfig

    module = net()
    assert prepare_compression(PyTorchModel(module), QuantizationAwareTrainingConfig()).model.model is module


def test_it_runs_as_the_module():
    module = net()
    model = Model(module)
    assert torch.equal(model(images()), module(images())) and model.conv is module.conv
    inputs = tiny_inputs(tiny_model("bert"))
    assert Model(tiny_model("bert"))(**inputs).logits.shape == (3, 2)


class Sequential:
    __module__ = "keras.engine"


OTHERS = {
    "a path": ("model/saved", "load it with `from_pretrained`"),
    "a file of ONNX": ("model.onnx", "files of ONNX are written with `inc-hf export`"),
    "a model of Keras": (Sequential(), "for TensorFlow and Keras stay with `neural-compressor<3`"),
    "no model": (3, "A model is a torch.nn.Module, got builtins.int"),
}


@pytest.mark.parametrize("model, message", OTHERS.values(), ids=OTHERS)
def test_what_is_no_module(model, message):
    with pytest.raises(ValueError, match=message):
        Model(model)
    assert get_model_fwk_name(nn.Linear(1, 1)) == "pytorch"
