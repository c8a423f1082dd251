"""A packed layer notices when its tensors change, and runs in every mode of torch."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from inc_hf import ops
from inc_hf.quantize.nn import QLinear
from inc_hf.quantize.scheme import ActivationScheme, Scheme, WeightScheme

pytestmark = pytest.mark.skipif(not ops.is_native(), reason="quantized layers do not run on the native kernels here")


def layer(n=21, k=70, **activation):
    """A layer of random integers that has not run yet."""
    module = QLinear(k, n, True, Scheme(WeightScheme(8), ActivationScheme(**activation)), torch.float32).eval()
    module.codes.copy_(torch.randint(-127, 128, (n, k)))
    module.weight_scale.copy_(torch.rand(n, 1) * 0.01 + 1e-3)
    module.bias.copy_(torch.randn(n))
    return module


def reference(module, x):
    quantizer = (module.input_scale, module.input_zero_point)
    return ops.q8_linear(x, module.codes, module.weight_scale, module.bias, *quantizer)


def new_parameter(tensor):
    return nn.Parameter(tensor, requires_grad=False)


def replace_data(tensor, value):
    tensor.data = value


CHANGES = {
    "codes.copy_": lambda m: m.codes.copy_(-m.codes),
    "codes.mul_": lambda m: m.codes.mul_(-1),
    "codes[...]": lambda m: m.codes.__setitem__((3, 4), m.codes[3, 4] // 2 + 1),
    "codes.data =": lambda m: replace_data(m.codes, -m.codes.data),
    "set_codes": lambda m: m.set_codes(-m.codes),
    "weight_scale.mul_": lambda m: m.weight_scale.mul_(2),
    "weight_scale =": lambda m: setattr(m, "weight_scale", m.weight_scale * 2),
    "weight_scale.data =": lambda m: replace_data(m.weight_scale, m.weight_scale * 2),
    "bias.add_": lambda m: m.bias.add_(1),
    "bias = Parameter": lambda m: setattr(m, "bias", new_parameter(m.bias + 1)),
    "bias = None": lambda m: setattr(m, "bias", None),
    "bias.data =": lambda m: replace_data(m.bias, m.bias + 1),
    "a view": lambda m: m.weight_scale[:3].mul_(2),
    "load_state_dict": lambda m: m.load_state_dict(layer().state_dict()),
    "load_state_dict(assign)": lambda m: m.load_state_dict(layer().state_dict(), assign=True),
    "a part of a state dict": lambda m: m.load_state_dict({"bias": torch.ones(21)}, strict=False),
    "nn.init": lambda m: nn.init.constant_(m.weight_scale, 0.5),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_after_packing_is_noticed(change):
    module, x = layer(), torch.randn(5, 70)
    before = module(x)
    change(module)
    y = module(x)
    assert torch.equal(y, reference(module, x)) and not torch.equal(y, before)


# `.data` is another tensor with the same memory: what it writes shows in no version counter and no address.
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_after_release_is_noticed(change):
    module, x = layer(), torch.randn(5, 70)
    before = module(x)
    module.release_weight()
    _ = module.codes  # scale and bias of a released layer may not be changed
    change(module)
    y = module(x)
    assert torch.equal(y, reference(module, x)) and not torch.equal(y, before)


def test_an_input_scale_may_change_at_any_time():
    module, x = layer(dynamic=False, symmetric=False), torch.randn(5, 70)
    for scale, zero_point in ((0.03, 0), (0.02, -7), (0.05, 100)):
        module.input_scale.data.fill_(scale)
        module.input_zero_point.data.fill_(zero_point)
        assert torch.equal(module(x), reference(module, x))
        module.release_weight()


def test_tensors_that_take_the_address_of_one_that_is_gone():
    module, x = layer(), torch.randn(5, 70)
    for _ in range(20):
        module(x)
        module.weight_scale = module.weight_scale * 2
        module.weight_scale = module.weight_scale * 0.75
        assert torch.equal(module(x), reference(module, x))


def test_a_failed_packing_leaves_no_old_weight_behind():
    module, x = layer(), torch.randn(5, 70)
    expected = module(x)
    scale = module.weight_scale.clone()
    module.weight_scale.zero_()
    for _ in range(2):
        with pytest.raises(ValueError, match="positive and finite"):
            module(x)
    module.weight_scale.copy_(scale)
    assert torch.equal(module(x), expected)


def test_callers_at_once_wait_for_nothing_and_see_nothing_old(monkeypatch):
    module, x, pack = layer(), torch.randn(9, 70), ops.q8_pack

    def slow_pack(*arguments):
        time.sleep(0.01)
        return pack(*arguments)

    monkeypatch.setattr(ops, "q8_pack", slow_pack)
    for _ in range(5):
        expected = reference(module, x)
        with ThreadPoolExecutor(4) as pool:
            assert all(torch.equal(y, expected) for y in pool.map(module, [x] * 8))
        module.weight_scale.mul_(2)


def test_tied_layers_share_a_weight():
    a, b, x = layer(), layer(), torch.randn(5, 70)
    b.share_weight(a)
    a(x)
    a.release_weight()
    assert torch.equal(b(x), reference(b, x))
    assert torch.equal(a(x), reference(a, x))


def test_an_input_that_needs_gradients():
    module, x = layer(), torch.randn(5, 70)
    expected = module(x)
    assert torch.equal(module(x.clone().requires_grad_()).detach(), expected)
    with torch.no_grad():
        assert torch.equal(module(x.clone().requires_grad_()), expected)
    assert not module.packed.requires_grad
    with pytest.raises(RuntimeError, match="for inference"):
        module.train()(x.clone().requires_grad_())


def test_inference_mode_and_autocast():
    module, x = layer(), torch.randn(5, 70)
    with torch.inference_mode():
        y = module(x)
        assert torch.equal(y, reference(module, x))
    assert torch.equal(module(x), y), "packed in inference mode, used outside"
    module.weight_scale.mul_(2)
    assert torch.equal(module(x), reference(module, x))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(module(x), reference(module, x))


def test_a_layer_made_in_inference_mode():
    with torch.inference_mode():
        module, x = layer(), torch.randn(5, 70)
        assert torch.equal(module(x), reference(module, x))
    assert torch.equal(module(x), reference(module, x))
    module.release_weight()
    assert torch.equal(module(x), reference(module, x))


def test_a_layer_made_in_inference_mode_notices_changes():
    with torch.inference_mode():
        module, x = layer(), torch.randn(5, 70)
        module(x)
        module.weight_scale.mul_(2)
        assert torch.equal(module(x), reference(module, x))


def run(module):
    module(torch.randn(3, 70))


def release(module):
    run(module)
    module.release_weight()


STATES = {"before its first forward": lambda module: None, "after it": run, "released": release}
every_state = pytest.mark.parametrize("enter", STATES.values(), ids=STATES)


@every_state
@pytest.mark.parametrize("dynamic", [False, True], ids=["static shapes", "dynamic shapes"])
def test_compile(enter, dynamic):
    module, expected = layer(), []
    inputs = [torch.randn(rows, 70) for rows in (4, 7)]
    expected = [reference(module, x) for x in inputs]
    enter(module)
    torch.compiler.reset()
    with torch.no_grad():
        compiled = torch.compile(module, fullgraph=True, backend="aot_eager", dynamic=dynamic)
        for x, y in zip(inputs, expected, strict=True):
            assert torch.equal(compiled(x), y)
            assert torch.equal(module(x), y)
        assert torch.equal(compiled(inputs[0]), expected[0])


@every_state
def test_export(enter, tmp_path):
    module, x = nn.Sequential(layer(), nn.ReLU(), layer(8, 21)).eval(), torch.randn(4, 70)
    expected = reference(module[2], reference(module[0], x).relu())
    enter(module[0])
    batch = torch.export.Dim("batch")
    exported = torch.export.export(module, (x,), dynamic_shapes=({0: batch},))
    torch.export.save(exported, tmp_path / "program.pt2")
    for program in (exported.module(), torch.export.load(tmp_path / "program.pt2").module()):
        assert torch.equal(program(x), expected)
        assert program(torch.randn(9, 70)).shape == (9, 8)
    assert torch.equal(module(x), expected), "exporting changes nothing"
