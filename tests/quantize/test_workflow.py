import copy
import json
import logging
import subprocess
import sys
import textwrap
import weakref
from collections import UserDict
from pathlib import Path

import pytest
import torch
from tiny import offline_environment, tiny_inputs, tiny_model
from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.quantize import calibrate, convert, prepare, resolve_schemes
from inc_hf.quantize.functional import quantize_weight
from inc_hf.quantize.nn import QConv, QEmbedding, QLinear, QModule, quantized_modules
from inc_hf.quantize.observer import MSEObserver
from inc_hf.quantize.scheme import ActivationScheme, Scheme, WeightScheme
from inc_hf.quantize.workflow import evaluating, planned_modules, run, unprepare

W8 = WeightScheme(8)
ROWS = Scheme(W8)
DYNAMIC = Scheme(W8, ActivationScheme())
STATIC = Scheme(W8, ActivationScheme(dynamic=False, symmetric=False))
SYMMETRIC = Scheme(W8, ActivationScheme(dynamic=False, symmetric=True))
SCHEMES = {"dynamic": DYNAMIC, "static": STATIC, "static symmetric": SYMMETRIC, "weight-only": ROWS}
every_scheme = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
APPROACHES = ["dynamic", "static", "weight_only"]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(13, 8)
        self.conv = nn.Conv1d(8, 8, 3, padding=1)
        self.hidden = nn.Linear(8, 16)
        self.norm = nn.LayerNorm(16)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(16, 3)

    def forward(self, ids):
        x = self.conv(self.words(ids).transpose(1, 2)).transpose(1, 2)
        return self.head(self.dropout(self.norm(self.hidden(x))))


IDS = torch.arange(26).remainder(13).reshape(2, 13)
NET = {"words": ROWS, "conv": STATIC, "hidden": SYMMETRIC, "head": DYNAMIC}
TWINS = {"words": QEmbedding, "conv": QConv, "hidden": QLinear, "head": QLinear}


def hooks(model):
    """Number of hooks of any kind on all modules."""
    kinds = ("_forward_pre_hooks", "_forward_pre_hooks_with_kwargs", "_forward_hooks", "_backward_hooks")
    return sum(len(getattr(module, kind)) for module in model.modules() for kind in kinds)


def linears(*sizes):
    """Linear layers in a row, each of a bias."""
    return nn.Sequential(*(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)))


def quantized(model, schemes, *batches):
    prepare(model, schemes)
    if batches:
        calibrate(model, batches, progress=False)
    return convert(model)


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


@pytest.mark.parametrize("scheme", [DYNAMIC, ROWS], ids=["dynamic", "weight-only"])
def test_convert_needs_no_calibration_without_static_activations(scheme):
    model = convert(prepare(linears(4, 6, 2), {"0": scheme, "1": scheme}))
    assert all(type(module) is QLinear for module in model) and model(torch.randn(3, 4)).shape == (3, 2)


@every_scheme
def test_all_hooks_are_gone_after_convert(scheme):
    model = quantized(linears(4, 6, 2), {"0": scheme, "1": scheme}, torch.randn(3, 4))
    assert hooks(model) == 0 and not planned_modules(model)


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


BATCHES = {
    "tensor": torch.ones(2, 4),
    "tuple": (torch.ones(2, 4), torch.full((2, 4), 5.0)),
    "list": [torch.ones(2, 4), torch.full((2, 4), 5.0)],
    "dict": {"x": torch.ones(2, 4), "bias": torch.full((2, 4), 5.0)},
    "user dict": UserDict(x=torch.ones(2, 4), bias=torch.full((2, 4), 5.0)),
}


class Biased(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x, bias=None):
        return self.linear(input=x if bias is None else x + bias)


@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
def test_forms_of_a_batch(batch):
    model = prepare(Biased(), {"linear": STATIC})
    calibrate(model, [batch], progress=False)
    value = 1 if isinstance(batch, torch.Tensor) else 6
    assert model.linear.quantization_plan.observer.range() == (value, value)
    assert torch.equal(run(model, batch), model.linear(torch.full((2, 4), float(value))))


def test_any_iterable_calibrates_and_is_taken_once():
    batches = (torch.full((1, 4), float(i)) for i in range(4))
    model = calibrate(prepare(linears(4, 2), {"0": STATIC}), batches, progress=False)
    assert model[0].quantization_plan.observer.range() == (0, 3)
    assert next(batches, None) is None


@pytest.mark.parametrize("batches", [[], iter(()), {}], ids=["list", "iterator", "dict"])
@every_scheme
def test_calibration_without_data_is_refused(scheme, batches):
    model = prepare(linears(4, 2), {"0": scheme})
    with pytest.raises(ValueError, match="Calibration got no data: the dataset is empty"):
        calibrate(model, batches, progress=False)


def test_calibration_data_that_is_not_finite_is_refused():
    model = prepare(linears(4, 2).train(), {"0": STATIC})
    with pytest.raises(ValueError, match="An input of `0` has NaN or infinite values"):
        calibrate(model, [torch.full((1, 4), float("nan"))], progress=False)
    assert model.training and model[0].training


def test_calibration_keeps_no_gradients():
    model = prepare(linears(4, 2), {"0": STATIC})
    outputs = []
    model.register_forward_hook(lambda module, args, y: outputs.append(y))
    calibrate(model, [torch.randn(1, 4, requires_grad=True)], progress=False)
    assert not outputs[0].requires_grad


def test_calibration_runs_in_evaluation_mode():
    model = prepare(nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(4), nn.Linear(4, 2)).train(), {"2": STATIC})
    calibrate(model, [torch.ones(64, 4)], progress=False)
    # Neither dropped (0 or 2) nor normalized by the statistics of the batch (0).
    low, high = model[2].quantization_plan.observer.range()
    assert 0.99 < low == high < 1
    assert model[1].num_batches_tracked == 0


def modes(model):
    return {name: module.training for name, module in model.named_modules()}


def partly_training(model):
    model.train()
    model.norm.eval()
    model.head.eval()
    return model


@pytest.mark.parametrize("mode", [nn.Module.train, nn.Module.eval, partly_training], ids=["train", "eval", "mixed"])
def test_training_modes_stay(mode):
    model = mode(Net())
    before = modes(model)
    with evaluating(model) as inside:
        assert inside is model and not any(modes(model).values())
    assert modes(model) == before
    prepare(model, NET)
    calibrate(model, [IDS], progress=False)
    assert modes(model) == before
    assert modes(convert(model)) == before


def test_evaluating_restores_the_mode_after_an_error():
    model = partly_training(Net())
    before = modes(model)
    with pytest.raises(ZeroDivisionError), evaluating(model):
        1 / 0  # noqa: B018
    assert modes(model) == before


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.blocks = nn.ModuleList([nn.Sequential(self.first), nn.ModuleDict({"again": self.first})])
        self.last = nn.Linear(4, 4)

    def forward(self, x):
        return self.last(self.blocks[1]["again"](self.blocks[0](self.first(x))))


SHARED_NAMES = ["first", "blocks.0.0", "blocks.1.again"]


@every_scheme
@pytest.mark.parametrize("names", [SHARED_NAMES, SHARED_NAMES[2:]], ids=["all names", "one name"])
def test_a_shared_module_is_replaced_at_all_its_paths(names, scheme):
    model, x = Shared(), torch.randn(2, 4)
    with torch.no_grad():
        expected = model(x)
    quantized(model, dict.fromkeys(names, scheme), x)
    assert type(model.first) is QLinear and type(model.last) is nn.Linear
    assert all(model.get_submodule(name) is model.first for name in SHARED_NAMES)
    assert len(quantized_modules(model)) == 1 and hooks(model) == 0
    with torch.no_grad():
        assert (model(x) - expected).norm() < 0.05 * expected.norm()


def tied_model():
    model = nn.ModuleDict({"words": nn.Embedding(11, 6), "other": nn.Embedding(11, 6), "head": nn.Linear(6, 11)})
    model["head"].weight = model["words"].weight
    return model


def test_tied_weights_share_one_int8_tensor():
    model = tied_model()
    expected, expected_scale = quantize_weight(model["words"].weight)
    quantized(model, {"words": ROWS, "other": ROWS, "head": DYNAMIC})
    words, other, head = (model[name] for name in ("words", "other", "head"))
    assert words.codes is head.codes and other.codes is not words.codes
    assert torch.equal(words.codes, expected)
    assert torch.equal(words.weight_scale, expected_scale) and torch.equal(head.weight_scale, expected_scale)


def test_tied_weights_are_one_parameter_also_in_a_copy():
    model = quantized(tied_model(), {"words": ROWS, "other": ROWS, "head": DYNAMIC})
    copied = copy.deepcopy(model)
    assert copied["words"].codes is copied["head"].codes is not model["head"].codes
    for each in (model, copied):
        assert len([parameter for parameter in each.parameters() if parameter.dtype == torch.int8]) == 2


@pytest.mark.parametrize("order", [["words", "head"], ["head", "words"]], ids=["embedding first", "linear first"])
def test_tied_weights_in_either_order(order):
    model = nn.ModuleDict({name: tied_model()[name] for name in order})
    model["head"].weight = model["words"].weight
    quantized(model, {"words": ROWS, "head": DYNAMIC})
    assert model["words"].codes is model["head"].codes


def test_tied_weights_of_different_schemes_are_two_tensors():
    model = quantized(tied_model(), {"words": ROWS, "head": Scheme(WeightScheme(4))})
    assert model["words"].codes.abs().max() == 127 and model["head"].codes.abs().max() == 7


def test_weights_that_overlap_without_being_tied():
    """Views of one tensor that begin at the same address but differ in shape or layout."""
    block = torch.randn(6, 6)
    model = nn.ModuleDict({name: nn.Linear(6, 6) for name in ("whole", "top", "transposed")})
    model["whole"].weight = nn.Parameter(block)
    model["top"].weight = nn.Parameter(block[:2])
    model["top"].bias = None
    model["transposed"].weight = nn.Parameter(block.T)
    quantized(model, dict.fromkeys(model, DYNAMIC))
    for name, weight in {"whole": block, "top": block[:2], "transposed": block.T}.items():
        assert torch.equal(model[name].codes, quantize_weight(weight)[0]), name


@pytest.mark.parametrize("name", ["gpt2", "opt"])
def test_tied_heads_of_language_models(name):
    model = tiny_model(name)
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    assert embedding.weight is head.weight
    quantized(model, resolve_schemes(model, PostTrainingQuantConfig(approach="dynamic")))
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    assert type(embedding) is QEmbedding and type(head) is QLinear and embedding.codes is head.codes


def test_static_without_calibration_is_refused_and_can_be_mended():
    model = prepare(linears(4, 6, 2), {"0": STATIC, "1": STATIC})
    with pytest.raises(ValueError, match="Static activations need calibration: call `calibrate`"):
        convert(model)
    assert not quantized_modules(model)
    calibrate(model, [torch.randn(3, 4)], progress=False)
    assert len(quantized_modules(convert(model))) == 2


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.unused, self.dynamic = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.used(x)


def test_what_calibration_does_not_reach_stays_in_float_with_a_warning(caplog):
    model = Branches()
    with caplog.at_level(logging.WARNING):
        quantized(model, {"used": STATIC, "unused": STATIC, "dynamic": DYNAMIC}, torch.randn(2, 4))
    assert list(quantized_modules(model)) == ["used", "dynamic"]
    assert type(model.unused) is nn.Linear and hooks(model) == 0 and not planned_modules(model)
    assert [record.getMessage() for record in caplog.records] == [
        "Not reached by the calibration data, kept in float: unused"
    ]


def test_an_empty_input_is_not_calibration():
    model = prepare(linears(4, 2), {"0": STATIC})
    calibrate(model, [torch.empty(0, 4)], progress=False)
    with pytest.raises(ValueError, match="Static activations need calibration"):
        convert(model)


def test_convert_needs_something_to_convert():
    with pytest.raises(ValueError, match="No module was prepared for quantization; call `prepare`"):
        convert(linears(4, 2))
    with pytest.raises(ValueError, match="No module was prepared"):
        convert(prepare(linears(4, 2), {}))


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


@pytest.mark.parametrize("poison", [float("nan"), float("inf")], ids=str)
def test_a_weight_that_is_not_finite_is_refused(poison):
    model = linears(4, 2)
    model[0].weight.data[1, 1] = poison
    with pytest.raises(ValueError, match="The weight of `0` has NaN or infinite values"):
        convert(prepare(model, {"0": DYNAMIC}))


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
    assert torch.equal(model["layer"](x), expected)


@every_scheme
def test_a_trained_model_converts_without_gradients(scheme):
    model = linears(4, 6, 2)
    model(torch.randn(3, 4)).sum().backward()
    bias = model[0].bias.detach().clone()
    quantized(model, {"0": scheme, "1": scheme}, torch.randn(3, 4))
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert torch.equal(model[0].bias, bias)


@pytest.mark.parametrize("shape, ndim", [((2, 4), 2), ((2, 3, 4), 3), ((2, 3, 5, 4), 4)], ids=["2-D", "3-D", "4-D"])
@pytest.mark.parametrize("scheme", [STATIC, DYNAMIC], ids=["static", "dynamic"])
def test_the_dimensions_of_the_input_are_kept(scheme, shape, ndim):
    assert quantized(linears(4, 2), {"0": scheme}, torch.randn(shape))[0].input_ndim == ndim


def test_the_dimensions_are_unknown_without_calibration():
    assert quantized(linears(4, 2), {"0": DYNAMIC})[0].input_ndim is None


@every_scheme
def test_the_float_layers_are_freed(scheme):
    model = linears(4, 6, 2)
    prepare(model, {"0": scheme, "1": scheme})
    calibrate(model, [torch.randn(3, 4)], progress=False)
    alive = [weakref.ref(part) for layer in model for part in (layer, layer.weight)]
    convert(model)
    assert [part() for part in alive] == [None] * 4


def test_the_result_does_not_depend_on_what_else_is_quantized():
    model, x = linears(4, 6, 2), torch.randn(3, 4)
    alone = quantized(copy.deepcopy(model), {"0": DYNAMIC})[0]
    together = quantized(copy.deepcopy(model), {"0": DYNAMIC, "1": DYNAMIC})[0]
    assert isinstance(alone, QModule) and torch.equal(alone(x), together(x))


MEMORY = """
    import json
    import sys
    from pathlib import Path

    import torch
    from torch import nn

    from inc_hf.quantize import ActivationScheme, Scheme, WeightScheme, calibrate, convert, prepare

    torch.set_num_threads(1)


    def mebibytes(name):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


    def quantize(*shapes):
        model = nn.Sequential(*(nn.Linear(*shape) for shape in shapes))
        scheme = Scheme(WeightScheme(8), ActivationScheme(dynamic=False, symmetric=False))
        prepare(model, {str(i): scheme for i in range(len(shapes))})
        calibrate(model, [torch.randn(2, shapes[0][0])], progress=False)
        before = mebibytes("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
        convert(model)
        return before, mebibytes("VmHWM"), mebibytes("VmRSS")


    quantize((64, 64))  # whatever torch allocates at its first call
    print(*quantize(*json.loads(sys.argv[1])))
"""
MIB = 1 << 18  # float32 values in a mebibyte


@pytest.mark.parametrize(
    "shapes", [[[2048, 2048]] * 12, [[4096, 4096]], [[512, 512], [512, 32768]]], ids=["equal", "one", "large head"]
)
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
def test_convert_needs_the_memory_of_the_model_and_its_largest_layer(shapes):
    # With a fixed threshold malloc gives each freed tensor back at once, so that the numbers are those of the code.
    environment = offline_environment(MALLOC_MMAP_THRESHOLD_=str(1 << 20))
    script = [sys.executable, "-c", textwrap.dedent(MEMORY), json.dumps(shapes)]
    result = subprocess.run(script, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    before, peak, after = map(float, result.stdout.split())
    sizes = [rows * columns / MIB for rows, columns in shapes]
    slack = 12  # MiB: the integers of a slice, twice, and 4 for torch
    assert peak <= before + max(sizes) + slack
    # A quarter of the weights is left, and no float layer.
    assert after <= before - 0.75 * sum(sizes) + slack
