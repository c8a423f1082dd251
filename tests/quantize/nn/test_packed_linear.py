import copy
import gc
import io
import pickle
import time

import pytest
import torch
from torch import nn

from inc_hf import ops
from inc_hf.quantize.nn import QLinear
from inc_hf.quantize.scheme import ActivationScheme, Scheme, WeightScheme

pytestmark = pytest.mark.skipif(not ops.is_native(), reason="quantized layers do not run on the native kernels here")

ACTIVATIONS = {
    "dynamic": ActivationScheme(),
    "dynamic float32": ActivationScheme(scale_dtype="float32"),
    "7 bits": ActivationScheme(7),
    "static": ActivationScheme(dynamic=False),
    "static asymmetric": ActivationScheme(dynamic=False, symmetric=False),
}
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)


def layer(n=21, k=70, activation=ACTIVATIONS["dynamic"], smooth_alpha=None, bias=True, per_channel=True):
    """A layer of random integers that has not run yet."""
    scheme = Scheme(WeightScheme(8, per_channel), activation, smooth_alpha)
    module = QLinear(k, n, bias, scheme, torch.float32).eval()
    module.codes.copy_(torch.randint(-127, 128, (n, k)))
    module.weight_scale.copy_(torch.rand(module.weight_scale.shape) * 0.01 + 1e-3)
    for name, value in (("bias", torch.randn(n)), ("smooth_scale", torch.rand(k) + 0.5)):
        if getattr(module, name) is not None:
            getattr(module, name).copy_(value)
    if module.input_scale is not None:
        module.input_scale.fill_(0.03)
    if module.input_zero_point is not None:
        module.input_zero_point.fill_(-19)
    return module


def reference(module, x, weight=None):
    """The layer in plain torch, from what it says about itself."""
    activation = module.scheme.activation
    if module.smooth_scale is not None:
        x = (x / module.smooth_scale).to(x.dtype)
    weight = module.codes if weight is None else weight
    static = (module.input_scale, module.input_zero_point)
    return ops.q8_linear(x, weight, module.weight_scale, module.bias, *static, activation.num_bits, module.scale_dtype)


@every_activation
@pytest.mark.parametrize("shape", [(70,), (5, 70), (2, 3, 70), (0, 70)], ids=str)
def test_a_layer_packs_itself_at_its_first_forward(shape, activation):
    module, x = layer(activation=activation), torch.randn(shape)
    assert module.packed is None and not module.is_released
    y = module(x)
    packed = module.packed
    assert packed.dtype == torch.uint8 and torch.equal(ops.q8_unpack(packed), module.codes)
    assert torch.equal(y, reference(module, x))
    assert torch.equal(module(x), y) and module.packed is packed, "packed once"


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("per_channel", [True, False], ids=["per channel", "per tensor"])
@pytest.mark.parametrize("smooth_alpha", [None, 0.5], ids=["", "smoothed"])
def test_every_kind_of_layer(bias, per_channel, smooth_alpha):
    module, x = layer(bias=bias, per_channel=per_channel, smooth_alpha=smooth_alpha), torch.randn(5, 70)
    expected = reference(module, x)
    assert torch.equal(module(x), expected)
    module.release_weight()
    assert torch.equal(module(x), expected) and module.is_released


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_input(dtype):
    module, x = layer(), torch.randn(5, 70).to(dtype)
    assert module(x).dtype == dtype and torch.equal(module(x), reference(module, x))
    assert module.packed is not None


def test_float64_runs_the_reference():
    module, x = layer(), torch.randn(5, 70).double()
    y = module(x)
    assert y.dtype == torch.float64 and torch.equal(y, reference(module, x))
    assert module.packed is None
    module.release_weight()
    assert torch.equal(module(x), y)
    assert torch.equal(module(x.float()), reference(module, x.float()))


def test_weight_only_layers_are_not_packed():
    module, x = layer(activation=None), torch.randn(5, 70)
    assert torch.equal(module(x), nn.functional.linear(x, module.codes * module.weight_scale, module.bias))
    assert module.packed is None


@pytest.mark.parametrize("name", ops.ACTIVATIONS)
def test_a_fused_activation(name):
    module, x = layer(), torch.randn(50, 70)
    expected = ops.ACTIVATIONS[name](module(x))
    module.activation = name
    for released in (False, True):
        assert module.is_released == released
        # Two implementations of the function, each within 5e-7.
        assert ((module(x) - expected).abs() <= 1e-6 * expected.abs().clamp(min=1)).all()
        module.release_weight()
    assert torch.equal(module(x.double()), ops.ACTIVATIONS[name](reference(module, x.double())))


def released(module):
    module.release_weight()


def run(module):
    module(torch.randn(3, module.in_features))


def run_and_release(module):
    run(module)
    module.release_weight()


STATES = {"before packing": lambda module: None, "packed": run, "released": released, "run, released": run_and_release}
every_state = pytest.mark.parametrize("enter", STATES.values(), ids=STATES)


@every_state
@every_activation
def test_the_state_dict_is_that_of_the_int8_layer(enter, activation):
    module = layer(activation=activation)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    enter(module)
    state = module.state_dict()
    assert set(state) == set(before), "the packed form is never saved"
    assert all(torch.equal(state[name], before[name]) and state[name].dtype == before[name].dtype for name in before)
    model = nn.Sequential(module)
    assert set(model.state_dict()) == {f"0.{name}" for name in before}


@every_state
def test_the_weight_can_be_read(enter):
    module = layer()
    codes = module.codes.clone()
    enter(module)
    was_released = module.is_released
    assert torch.equal(module.weight, codes * module.weight_scale) and module.weight.dtype == torch.float32
    assert isinstance(module.weight, nn.Parameter) and not module.weight.requires_grad
    assert module.is_released == was_released, "reading changes nothing"
    assert torch.equal(module.codes, codes)
    enter(module)
    assert torch.equal(module.dequantize(), codes * module.weight_scale)
    assert "weight" in dict(module.named_parameters())


def test_what_a_released_layer_shows():
    module = layer()
    run_and_release(module)
    assert set(dict(module.named_parameters())) == {"weight", "bias"}
    assert set(dict(module.named_buffers())) == {"packed", "weight_scale"}
    assert module.is_released
    module.release_weight()
    assert module.is_released
    with pytest.raises(AttributeError, match="no attribute 'wieght'"):
        _ = module.wieght


@every_state
def test_load_state_dict(enter):
    module, other, x = layer(), layer(), torch.randn(5, 70)
    enter(module)
    expected = other(x)
    for assign in (False, True):
        enter(module)
        module.load_state_dict(copy.deepcopy(other.state_dict()), assign=assign)
        assert torch.equal(module(x), expected) and torch.equal(module.codes, other.codes)
        other = layer()
        expected = other(x)
    with pytest.raises(RuntimeError, match="size mismatch for weight"):
        module.load_state_dict(layer(20).state_dict())
    with pytest.raises(RuntimeError, match="Missing key"):
        module.load_state_dict({})


@every_state
def test_copies(enter):
    module, x = layer(), torch.randn(5, 70)
    expected = reference(module, x)
    enter(module)
    was_released = module.is_released
    copies = [copy.deepcopy(module), pickle.loads(pickle.dumps(module)), copy.deepcopy(nn.Sequential(module))[0]]
    assert module.is_released == was_released, "a copy changes nothing"
    for other in copies:
        assert torch.equal(other(x), expected) and torch.equal(other.codes, module.codes)
        other.weight_scale.mul_(2)
        assert torch.equal(other(x), reference(other, x)) and not torch.equal(other(x), expected)
        assert torch.equal(module(x), expected)


@every_state
def test_a_saved_state_dict(enter):
    module, x, file = layer(), torch.randn(5, 70), io.BytesIO()
    expected = reference(module, x)
    enter(module)
    torch.save(module.state_dict(), file)
    file.seek(0)
    state, other = torch.load(file, weights_only=True), layer()
    assert set(state) == {"weight", "weight_scale", "bias"}
    other.load_state_dict(state)
    assert torch.equal(other(x), expected)
    assert torch.equal(module(x), expected)


@pytest.mark.parametrize("enter", [run, run_and_release], ids=["packed", "released"])
def test_a_pickled_layer_holds_nothing_that_depends_on_the_cpu(enter):
    """Whoever pickles a whole model may load it on another CPU."""
    module = layer()
    enter(module)
    other = pickle.loads(pickle.dumps(module))
    assert other.packed is None and not other.is_released


@every_state
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_casts(enter, dtype):
    module, x = layer(), torch.randn(5, 70)
    codes = module.codes.clone()
    enter(module)
    cast = module.half() if dtype == torch.float16 else module.to(dtype)
    assert cast is module and module.codes.dtype == torch.int8 and torch.equal(module.codes, codes)
    assert module.bias.dtype == dtype
    for sample in (x.to(dtype), x):
        expected = ops.q8_linear(sample, codes, module.weight_scale.float(), module.bias.float())
        assert torch.equal(module(sample), expected)
    module.float()
    assert torch.equal(module(x), reference(module, x))


@every_state
def test_another_device(enter):
    module, other, x = layer(), layer(), torch.randn(5, 70)
    expected = other(x)
    enter(module)
    module.to("meta")
    assert module.weight.is_meta and module.weight.shape == (21, 70) and module.packed is None
    assert all(tensor.is_meta for tensor in module.state_dict().values())
    assert repr(module)
    module.to_empty(device="cpu")
    module.load_state_dict(other.state_dict())
    assert torch.equal(module(x), expected)


@every_state
def test_what_moves_nothing_changes_nothing(enter):
    module, x = layer(), torch.randn(5, 70)
    expected = reference(module, x)
    enter(module)
    for move in (nn.Module.cpu, nn.Module.float, nn.Module.eval, nn.Module.share_memory):
        assert torch.equal(move(module)(x), expected)
        enter(module)


def test_a_layer_for_the_cpu_prints_how_it_is_packed():
    module = layer()
    scheme = "QLinear(in_features=70, out_features=21, bias=True, W8A8 dynamic"
    assert repr(module) == f"{scheme})"
    run(module)
    packed = f"{ops.isa()} {'dense pairs' if ops.isa() == 'avx2' else 'dense'}"
    assert repr(module) == f"{scheme}, {packed})"
    module.release_weight()
    module.activation = "gelu"
    assert repr(module) == f"{scheme}, gelu, {packed})"
    assert module.is_released


@pytest.mark.parametrize("n, k", [(384, 384), (1536, 384), (384, 1536)], ids=str)
def test_release_frees_the_weight(n, k):
    module, x = layer(n, k), torch.randn(3, k)
    codes, expected = module.codes.clone(), module(x)
    module.release_weight()
    gc.collect()
    assert not [t for t in gc.get_objects() if type(t) is nn.Parameter and t.shape == (n, k)]
    held = sum(t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers()))
    assert module.packed.numel() <= 1.15 * n * k
    assert held <= 1.2 * n * k
    assert torch.equal(module(x), expected) and module.is_released
    assert torch.equal(module.state_dict()["weight"], codes)


def test_packing_a_small_model_is_quick():
    shapes = [*[(384, 384)] * 4, (1536, 384), (384, 1536)] * 6
    modules = [layer(n, k) for n, k in shapes]

    def seconds():
        start = time.perf_counter()
        for module in modules:
            module.pack()
        return time.perf_counter() - start

    best = min(seconds() for _ in range(5))
    print(f"packing {len(modules)} layers takes {best * 1000:.1f} ms")
    # The goal is 100 ms; other tests may keep the CPU busy meanwhile.
    assert best < 0.3
