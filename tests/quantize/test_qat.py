"""Layers that round, and the quantized model that they become."""

import copy

import pytest
import torch
from tiny import TinyNet, logits_of, tiny_inputs, tiny_model
from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.quantize import convert, prepare, resolve_schemes
from inc_hf.quantize.nn import quantized_modules
from inc_hf.quantize.qat import MovingRange, finish_qat, prepare_qat, qat_modules, unprepare_qat

APPROACHES = ["dynamic", "static"]


def prepared(model, approach="dynamic", **settings):
    return prepare_qat(model, resolve_schemes(model, PostTrainingQuantConfig(approach=approach, **settings)))


def advance(model):
    for module in qat_modules(model).values():
        if module.input_range is not None:
            module.input_range.advance()


@pytest.mark.parametrize("approach", APPROACHES)
@pytest.mark.parametrize("name", ["bert", "distilbert", "albert", "llama", "gpt2", "opt", "t5", "bart", "vit"])
def test_the_quantized_model_computes_what_was_trained(name, approach):
    model = tiny_model(name)
    names, parameters = list(model.state_dict()), dict(model.named_parameters())
    prepared(model.train(), approach)
    assert list(model.state_dict()) == names
    assert all(parameters[n] is p for n, p in model.named_parameters())
    torch.manual_seed(0)
    model(**tiny_inputs(model)).logits.sum().backward()
    assert all(p.grad is not None for n, p in model.named_parameters() if "weight" in n and "pooler" not in n)
    advance(model.eval())
    trained = logits_of(model)
    finish_qat(model)
    assert quantized_modules(model) and not qat_modules(model)
    # Sums of float32 in another order; a value that falls on another integer for that would differ by far more.
    assert (logits_of(model) - trained).abs().max() < 2e-5 * trained.abs().max()


@pytest.mark.parametrize("bits", [4, 7, 8])
def test_weights_become_the_integers_of_post_training_quantization(bits):
    settings = {"op_type_dict": {"Linear": {"weight": {"bits": bits}}}}
    one, other = tiny_model("bert"), tiny_model("bert")
    finish_qat(prepared(one, **settings))
    convert(prepare(other, resolve_schemes(other, PostTrainingQuantConfig(approach="dynamic", **settings))))
    assert {n: m.scheme for n, m in quantized_modules(one).items()} == {
        n: m.scheme for n, m in quantized_modules(other).items()
    }
    expected = other.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in one.state_dict().items())


def test_shared_and_other_layers():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(10, 8, padding_idx=0)
            self.conv1, self.conv2 = nn.Conv1d(8, 4, 3, padding=1), nn.Conv2d(1, 2, 3, stride=2)
            self.one = self.other = nn.Linear(4, 4)

        def forward(self, ids):
            x = self.conv1(self.embed(ids).transpose(1, 2)).transpose(1, 2)
            return self.other(self.one(x)), self.conv2(x[:, None])

    model = Net()
    prepared(model)
    assert len(qat_modules(model)) == 4 and model.one is model.other
    ids = torch.arange(10)[None]
    outputs = model(ids)
    sum(y.sum() for y in outputs).backward()
    assert (model.embed.weight.grad[0] == 0).all() and (model.embed.weight.grad[1:] != 0).any()
    finish_qat(model.eval())
    with torch.no_grad():
        for y, z in zip(outputs, model(ids), strict=True):
            torch.testing.assert_close(y, z, rtol=1e-5, atol=1e-5)


def test_a_single_token_is_embedded():
    model = nn.Sequential(nn.Embedding(10, 8), nn.Linear(8, 4))
    expected = prepared(model)(torch.tensor([[3]]))[0, 0]
    torch.testing.assert_close(model(torch.tensor(3)), expected)


def test_it_is_taken_back():
    model = tiny_model("bert")
    before, classes = logits_of(model), [type(module) for module in model.modules()]
    prepared(model)
    assert not torch.equal(logits_of(model), before) and "QAT" in repr(model)
    unprepare_qat(model)
    assert torch.equal(logits_of(model), before) and [type(module) for module in model.modules()] == classes


def test_a_copy_rounds_as_well():
    model = prepared(tiny_model("bert"))
    assert torch.equal(logits_of(copy.deepcopy(model)), logits_of(model))


def test_errors():
    model = prepared(tiny_model("bert"))
    with pytest.raises(ValueError, match="is not a module that can be quantized"):
        prepare_qat(model, {"classifier": next(iter(qat_modules(model).values())).scheme})
    with pytest.raises(ValueError, match="No module was prepared for quantization-aware training"):
        finish_qat(TinyNet())
    with pytest.raises(ValueError, match="Static activations need calibration"):
        finish_qat(prepared(tiny_model("bert"), "static"))


def test_moving_range():
    seen = MovingRange()
    assert seen.current() is None
    seen.see(torch.tensor([-1.0, 3.0]))
    assert seen.current() == (-1.0, 3.0)
    seen.see(torch.tensor([-2.0, 1.0]))
    seen.advance()
    assert seen.current() == (-2.0, 3.0)
    for _ in range(2):  # computed again by gradient checkpointing
        seen.see(torch.tensor([0.0, 5.0]))
    assert seen.current() == (-2.0, 3.0)
    seen.advance()
    assert seen.current() == pytest.approx((-2.0 + 0.01 * 2, 3.0 + 0.01 * 2))
    seen.advance()
    seen.frozen = True
    seen.see(torch.tensor([-100.0, 100.0]))
    seen.advance()
    assert seen.current() == pytest.approx((-1.98, 3.02))
