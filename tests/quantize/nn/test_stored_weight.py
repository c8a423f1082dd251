"""What replaces a float module looks like it: its weight, its parameters, its attributes."""

import copy
import inspect
import io
import pickle

import pytest
import torch
from single_layers import W8, twin_of
from torch import nn
from transformers import Conv1D

from inc_hf.errors import UsageError
from inc_hf.quantize.bf16 import use_bf16
from inc_hf.quantize.nn import FloatView, StoredWeight
from inc_hf.quantize.scheme import ActivationScheme, Scheme, WeightScheme

DYNAMIC = Scheme(W8, ActivationScheme())


def bf16_twin(module):
    return use_bf16(nn.Sequential(copy.deepcopy(module)), ["0"])[0]


def released(twin):
    twin(torch.randn(3, 8))
    twin.release_weight()
    return twin


# name -> the float module, and its twin; the twin's weight is within a percent of the float one
TWINS = {
    "linear": (nn.Linear(8, 6), lambda m: twin_of(m, DYNAMIC)),
    "linear released": (nn.Linear(8, 6), lambda m: released(twin_of(m, DYNAMIC))),
    "linear without bias": (nn.Linear(8, 6, bias=False), lambda m: twin_of(m, DYNAMIC)),
    "linear smoothed": (nn.Linear(8, 6), lambda m: twin_of(m, Scheme(W8, ActivationScheme(), 0.5), torch.randn(9, 8))),
    "linear per tensor": (nn.Linear(8, 6), lambda m: twin_of(m, Scheme(WeightScheme(8, per_channel=False)))),
    "Conv1D": (Conv1D(6, 8), lambda m: twin_of(m, DYNAMIC)),
    "Conv1D released": (Conv1D(6, 8), lambda m: released(twin_of(m, DYNAMIC))),
    "embedding": (nn.Embedding(9, 8, padding_idx=1), lambda m: twin_of(m, Scheme(W8))),
    "conv1d": (nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), lambda m: twin_of(m, DYNAMIC)),
    "conv2d": (nn.Conv2d(3, 6, (3, 2), dilation=2), lambda m: twin_of(m, DYNAMIC)),
    "bf16 linear": (nn.Linear(8, 6), bf16_twin),
    "bf16 linear released": (nn.Linear(8, 6), lambda m: released(bf16_twin(m))),
    "bf16 Conv1D": (Conv1D(6, 8), bf16_twin),
    "bf16 Conv1D released": (Conv1D(6, 8), lambda m: released(bf16_twin(m))),
    "bf16 embedding": (nn.Embedding(9, 8), bf16_twin),
}
every_twin = pytest.mark.parametrize("module, build", TWINS.values(), ids=TWINS)


def near(found, expected, limit=0.02):
    return found.shape == expected.shape and bool((found - expected).norm() <= limit * expected.norm())


@every_twin
def test_the_weight_is_that_of_a_float_module(module, build):
    twin = build(module)
    shape, dtype = twin.weight.shape, twin.weight.dtype
    assert shape == module.weight.shape and dtype == torch.float32 and twin.weight is twin.weight
    assert isinstance(twin.weight, nn.Parameter) and twin.get_parameter("weight") is twin.weight
    with torch.no_grad():
        assert near(twin.weight, module.weight) and near(twin.weight.flatten(), module.weight.flatten())
        assert near(twin.weight.data, module.weight) and near(twin.weight[1:3] + 1, module.weight[1:3] + 1)
        assert near(torch.from_numpy(twin.weight.numpy()), module.weight)
        assert near(twin.weight.mT.reshape(-1), module.weight.mT.reshape(-1))
        assert near(torch.tensor(twin.weight.tolist()), module.weight)
        assert f"{twin.weight.flatten()[0]:.3f}" == f"{twin.weight.flatten()[0].item():.3f}" and repr(twin.weight)


@every_twin
def test_parameters_show_floats_only(module, build):
    twin = build(module)
    assert next(twin.parameters()).dtype == torch.float32
    assert {p.dtype for p in twin.parameters()} == {torch.float32}
    assert {name: p.shape for name, p in twin.named_parameters()} == {n: p.shape for n, p in module.named_parameters()}
    assert not any(p.requires_grad for p in twin.parameters())


@every_twin
def test_every_public_attribute_is_there(module, build):
    twin = build(module)
    names = {name for name in dir(module) if not name.startswith("_") and name != "from_pretrained"}
    assert not names - set(dir(twin))
    plain = {n: v for n, v in vars(module).items() if not n.startswith("_") and n not in ("quantization_plan",)}
    assert {name: getattr(twin, name) for name in plain} == plain


WRITING = {
    "mul_": lambda m: m.weight.mul_(2),
    "*=": lambda m: m.weight.__imul__(2),
    "data.mul_": lambda m: m.weight.data.mul_(2),
    "data.T": lambda m: m.weight.data.T.zero_(),
    "data =": lambda m: setattr(m.weight, "data", torch.zeros(m.weight.shape)),
    "copy_": lambda m: m.weight.copy_(torch.zeros(m.weight.shape)),
    "[0] =": lambda m: m.weight.__setitem__(0, 1.0),
    "[0].zero_": lambda m: m.weight.data[0].zero_(),
    "a view": lambda m: m.weight.view(-1).fill_(1),
    "a part": lambda m: m.weight.chunk(2)[0].add_(1),
    "nn.init": lambda m: nn.init.normal_(m.weight),
    "out=": lambda m: torch.mul(torch.ones(m.weight.shape), 2, out=m.weight),
    "weight =": lambda m: setattr(m, "weight", nn.Parameter(torch.zeros(m.weight.shape))),
    "weight = a tensor": lambda m: setattr(m, "weight", torch.zeros(m.weight.shape)),
    "register_parameter": lambda m: m.register_parameter("weight", nn.Parameter(torch.zeros(m.weight.shape))),
    "del": lambda m: delattr(m, "weight"),
    "reset_parameters": lambda m: m.reset_parameters(),
    "requires_grad_": lambda m: m.requires_grad_(True),
    "a float state dict": lambda m: m.load_state_dict({**m.state_dict(), "weight": m.weight.clone()}),
}


@pytest.mark.parametrize("write", WRITING.values(), ids=WRITING)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode], ids=["no_grad", "inference_mode"])
def test_writing_is_refused_and_changes_nothing(write, mode):
    twin = twin_of(nn.Linear(8, 6), DYNAMIC)
    before = {name: tensor.clone() for name, tensor in twin.state_dict().items()}
    with (
        mode(),
        pytest.raises((UsageError, RuntimeError), match="read-only|cannot be trained|where torch.int8 belongs"),
    ):
        write(twin)
    after = twin.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_what_is_copied_is_an_ordinary_tensor():
    weight = twin_of(nn.Linear(8, 6), DYNAMIC).weight
    for copied in (weight.clone(), weight.half(), weight + 0, copy.deepcopy(weight), weight.detach().clone()):
        assert not isinstance(copied, FloatView)
        with torch.no_grad():
            copied.mul_(2)
    other = nn.Linear(8, 6)
    other.weight.data = weight.data
    assert torch.equal(other.weight, weight)


@every_twin
def test_casts_move_the_weight_along(module, build):
    twin = build(module)
    expected = twin.weight.clone()
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        twin.to(dtype)
        assert {p.dtype for p in twin.parameters()} == {dtype} and near(twin.weight.float(), expected, 0.01)
    assert twin.to("meta").weight.is_meta and all(t.is_meta for t in twin.state_dict().values())


@every_twin
def test_copies_and_pickles(module, build):
    twin, file = build(module), io.BytesIO()
    torch.save(twin, file)
    file.seek(0)
    copies = [copy.deepcopy(twin), pickle.loads(pickle.dumps(twin)), torch.load(file, weights_only=False)]
    for other in copies:
        assert torch.equal(other.weight, twin.weight)
        other.stored_weight().zero_()
        assert not other.weight.any() and twin.weight.any()
    assert torch.equal(pickle.loads(pickle.dumps(twin.weight)), twin.weight)


@every_twin
def test_a_state_dict_has_what_is_stored(module, build):
    twin = build(module)
    state = twin.state_dict()
    stored = state["weight"]
    assert stored.dtype in (torch.int8, torch.bfloat16) and not isinstance(stored, FloatView)
    assert twin.state_dict(keep_vars=True)["weight"].dtype == stored.dtype
    other = build(module)
    other.stored_weight().zero_()
    other.load_state_dict(state)
    assert torch.equal(other.weight, twin.weight)


def test_memory_is_counted_once():
    twin = twin_of(nn.Linear(64, 64, bias=False), DYNAMIC)
    held = sum(t.numel() * t.element_size() for t in (*twin.parameters(), *twin.buffers()))
    assert held == 64 * 64 + 4 * 64


class Casting(nn.Module):
    """Reads the weight as models do: for its dtype (Mamba, T5), and to compute with it (RWKV, tied heads)."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x.to(self.layer.weight.dtype)) + nn.functional.linear(x, self.layer.weight / 2)


@pytest.mark.parametrize("build", [lambda m: twin_of(m, DYNAMIC), bf16_twin], ids=["int8", "bf16"])
def test_models_that_read_the_weight(build):
    linear, x = nn.Linear(8, 6), torch.randn(3, 8)
    model = Casting(build(linear)).eval()
    with torch.no_grad():
        y = model(x)
        assert near(y, Casting(linear)(x), 0.03) and y.dtype == torch.float32
        assert torch.allclose(torch.compile(model, backend="aot_eager", fullgraph=True)(x), y)
        assert torch.allclose(torch.export.export(model, (x,)).module()(x), y)
        assert torch.allclose(torch.jit.trace(model, (x,))(x), y)


class Adapted(nn.Module):
    """LoRA as PEFT does it: it looks at the weight of its base for the dtype, and trains beside it."""

    def __init__(self, base):
        super().__init__()
        self.base_layer = base
        self.down = nn.Linear(base.in_features, 2, bias=False, dtype=base.weight.dtype, device=base.weight.device)
        self.up = nn.Linear(2, base.out_features, bias=False, dtype=base.weight.dtype)

    def forward(self, x):
        return self.base_layer(x) + self.up(self.down(x.to(self.down.weight.dtype)))


def test_an_adapter_trains_beside_a_weight_only_layer():
    twin, x = twin_of(nn.Linear(8, 6), Scheme(W8)), torch.randn(5, 8)
    plain = nn.Linear(8, 6)
    plain.load_state_dict({"weight": twin.weight.clone(), "bias": twin.bias})
    model = Adapted(twin)
    expected = copy.deepcopy(model)
    expected.base_layer = plain.requires_grad_(False)
    for each in (model, expected):
        assert {n for n, p in each.named_parameters() if p.requires_grad} == {"down.weight", "up.weight"}
        optimizer = torch.optim.AdamW([p for p in each.parameters() if p.requires_grad], lr=0.1)
        each(x).square().sum().backward()
        optimizer.step()
    assert torch.allclose(model(x), expected(x), atol=1e-6)


def test_a_weight_that_is_shared_may_be_tied_again():
    a, b = twin_of(nn.Linear(8, 6), DYNAMIC), twin_of(nn.Linear(8, 6), DYNAMIC)
    b.weight_scale = a.weight_scale.clone()
    b.share_weight(a)
    b.weight = a.weight
    assert a.weight is b.weight and isinstance(b, StoredWeight)
    with pytest.raises(UsageError, match="read-only"):
        b.weight = twin_of(nn.Linear(8, 6), DYNAMIC).weight


def test_no_class_of_modules_lacks_what_reads_its_weight():
    def leaves(cls):
        return [leaf for sub in cls.__subclasses__() for leaf in leaves(sub)] or [cls]

    assert all(inspect.isfunction(cls.read_weight) for cls in leaves(StoredWeight) if cls.__name__ != "BF16Linear")
