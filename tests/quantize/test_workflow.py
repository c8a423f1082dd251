import copy

import pytest
import torch
from single_layers import DYNAMIC, IDS, NET, STATIC, Net, hooks, linears, quantized
from tiny import tiny_inputs, tiny_model
from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.quantize import calibrate, convert, prepare, resolve_schemes
from inc_hf.quantize.nn import QConv, QEmbedding, QLinear, quantized_modules
from inc_hf.quantize.observer import MSEObserver
from inc_hf.quantize.workflow import planned_modules, unprepare

APPROACHES = ["dynamic", "static", "weight_only"]


TWINS = {"words": QEmbedding, "conv": QConv, "hidden": QLinear, "head": QLinear}


def test_a_plain_model_goes_all_the_way():
    model = Net().eval()
    with torch.no_grad():
        expected = model(IDS)
    assert prepare(model, NET) is model
    assert calibrate(model, [IDS], progress=False) is model
    assert convert(model) is model
    assert {name: type(module) for name, module in quantized_modules(model).items()} == TWINS
    assert type(model.norm) is nn.LayerNorm
    y = model(IDS)
    assert y.shape == (2, 13, 3) and y.dtype == torch.float32
    # Four quantized layers in a row, each with an error near 1 %.
    assert (y - expected).norm() < 0.05 * expected.norm()


def test_prepare_alone_does_not_change_the_outputs():
    model = Net().eval()
    expected, state = model(IDS), copy.deepcopy(model.state_dict())
    prepare(model, NET)
    assert torch.equal(model(IDS), expected)
    assert list(planned_modules(model)) == list(NET)
    assert [module.quantization_plan.scheme for module in planned_modules(model).values()] == list(NET.values())
    after = model.state_dict()
    assert list(after) == list(state) and all(torch.equal(after[name], state[name]) for name in state)


def test_prepare_builds_the_observers_of_the_schemes():
    model = prepare(Net(), {**NET, "head": STATIC.with_observer("mse")})
    observers = {name: module.quantization_plan.observer for name, module in planned_modules(model).items()}
    assert observers["words"] is None and type(observers["head"]) is MSEObserver
    assert not observers["hidden"].has_data


def test_calibrate_alone_shows_the_observers_their_inputs():
    model = prepare(linears(4, 4), {"0": STATIC})
    calibrate(model, [torch.tensor([[-2.0, 0, 0, 1]]), torch.tensor([[0.0, 0, 5, 1]])], progress=False)
    assert model[0].quantization_plan.observer.range() == (-2, 5)
    calibrate(model, [torch.full((1, 4), -7.0)], progress=False)
    assert model[0].quantization_plan.observer.range() == (-7, 5)
    assert type(model[0]) is nn.Linear


def test_unprepare_takes_everything_back():
    model = Net()
    attributes = {name: set(vars(module)) for name, module in model.named_modules()}
    prepare(model, NET)
    calibrate(model, [IDS], progress=False)
    assert hooks(model) > 0
    assert unprepare(model) is model
    assert hooks(model) == 0 and not planned_modules(model)
    assert {name: set(vars(module)) for name, module in model.named_modules()} == attributes
    assert list(planned_modules(prepare(model, NET))) == list(NET)


def test_hooks_of_others_stay_with_unprepare():
    model, seen = linears(4, 4), []
    model[0].register_forward_pre_hook(lambda module, args: seen.append(1))
    unprepare(prepare(model, {"0": STATIC}))
    model(torch.zeros(1, 4))
    assert seen == [1] and hooks(model) == 1


def test_copies_of_a_prepared_model_calibrate_on_their_own():
    model = prepare(linears(4, 4), {"0": STATIC})
    other = copy.deepcopy(model)
    calibrate(other, [torch.randn(3, 4)], progress=False)
    assert other[0].quantization_plan.observer.has_data and not model[0].quantization_plan.observer.has_data
    assert type(convert(other)[0]) is QLinear and hooks(other) == 0
    assert type(model[0]) is nn.Linear and hooks(model) > 0


@pytest.mark.parametrize("approach", APPROACHES)
def test_bert_goes_all_the_way(approach):
    model, inputs = tiny_model("bert"), tiny_inputs(tiny_model("bert"))
    with torch.no_grad():
        expected = model(**inputs).logits
    schemes = resolve_schemes(model, PostTrainingQuantConfig(approach=approach))
    quantized(model, schemes, inputs)
    assert set(quantized_modules(model)) == set(schemes) and hooks(model) == 0
    with torch.no_grad():
        logits = model(**inputs).logits
    # Some ten layers, each with an error near 1 %.
    assert 0 < (logits - expected).norm() < 0.05 * expected.norm()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("approach", APPROACHES)
def test_half_precision_bert(approach, dtype):
    model, inputs = tiny_model("bert"), tiny_inputs(tiny_model("bert"))
    with torch.no_grad():
        expected = model(**inputs).logits
        model = model.to(dtype)
        schemes = resolve_schemes(model, PostTrainingQuantConfig(approach=approach))
        logits = quantized(model, schemes, inputs)(**inputs).logits
    assert logits.dtype == dtype
    scales = {name: b.dtype for name, b in model.named_buffers() if name.endswith("_scale")}
    assert len(scales) >= len(schemes) and set(scales.values()) == {torch.float32}
    # The integers' error plus that of about twenty roundings to bfloat16.
    assert (logits.float() - expected).norm() < 0.08 * expected.norm()


def test_bert_of_4_bits_has_4_bits():
    model = tiny_model("bert")
    config = PostTrainingQuantConfig(approach="weight_only", op_type_dict={"Linear": {"weight": {"bits": 4}}})
    quantized(model, resolve_schemes(model, config))
    largest = {n: m.codes.abs().max().item() for n, m in quantized_modules(model).items() if isinstance(m, QLinear)}
    assert len(largest) == 8 and set(largest.values()) == {7}


def test_a_prepared_model_is_not_prepared_again():
    model = prepare(linears(4, 6, 2), {"0": STATIC})
    with pytest.raises(ValueError, match="already prepared; call `convert` or `unprepare` first"):
        prepare(model, {"1": STATIC})
    assert list(planned_modules(model)) == ["0"]


def test_a_quantized_model_is_not_quantized_again():
    model = quantized(linears(4, 6, 2), {"0": DYNAMIC})
    with pytest.raises(ValueError, match="already quantized; start from the FP32 model"):
        prepare(model, {"1": DYNAMIC})
    with pytest.raises(ValueError, match="No module was prepared"):
        convert(model)


@pytest.mark.parametrize("name", ["gone", "norm", "hidden.weight", "dropout"])
def test_names_that_cannot_be_quantized_are_refused_before_anything_is_touched(name):
    model = Net()
    with pytest.raises(ValueError, match=f"`{name}` is not a module that can be quantized"):
        prepare(model, {"hidden": STATIC, name: STATIC})
    assert not planned_modules(model) and hooks(model) == 0


def test_a_model_that_is_one_layer_cannot_be_replaced():
    model = nn.Linear(4, 2)
    with pytest.raises(ValueError, match="The model is itself the module to replace; put it into an `nn.Sequential`"):
        prepare(model, {"": DYNAMIC})
    assert hooks(model) == 0


def test_attention_of_torch_keeps_its_out_projection():
    attention, x = nn.MultiheadAttention(8, 2, batch_first=True), torch.randn(2, 5, 8)
    model = nn.ModuleDict({"attention": attention, "head": nn.Linear(8, 3)}).eval()
    with torch.no_grad():
        expected = attention(x, x, x)[0]
    schemes = resolve_schemes(model, PostTrainingQuantConfig(approach="dynamic"))
    assert list(schemes) == ["head"]
    quantized(model, schemes)
    assert isinstance(attention.out_proj, nn.Linear)
    with torch.no_grad():
        assert torch.equal(attention(x, x, x)[0], expected)


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


UNTOUCHED = {
    "max_norm": (nn.Embedding(5, 4, max_norm=0.5), torch.arange(5)),
    "own forward": (Doubled(4, 4), torch.ones(2, 4)),
    "reflected padding": (nn.Conv1d(4, 4, 3, padding=1, padding_mode="reflect"), torch.ones(1, 4, 6)),
}


@pytest.mark.parametrize("layer, x", UNTOUCHED.values(), ids=UNTOUCHED)
def test_layers_that_are_left_alone(layer, x):
    layer = copy.deepcopy(layer)
    model = nn.ModuleDict({"layer": layer, "head": nn.Linear(4, 2)})
    expected = layer(x)
    quantized(model, resolve_schemes(model, PostTrainingQuantConfig(approach="dynamic")))
    assert model["layer"] is layer and type(model["head"]) is QLinear
    torch.testing.assert_close(model["layer"](x), expected, rtol=1e-6, atol=0)  # `max_norm` scales at each call
