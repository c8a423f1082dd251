import copy
import json
import logging
import subprocess
import sys
import textwrap
import weakref
from pathlib import Path

import pytest
import torch
from single_layers import DYNAMIC, ROWS, STATIC, every_scheme, hooks, linears, quantized
from tiny import offline_environment
from torch import nn

from inc_hf.quantize import calibrate, convert, prepare
from inc_hf.quantize.nn import QLinear, QModule, quantized_modules
from inc_hf.quantize.workflow import planned_modules


@pytest.mark.parametrize("scheme", [DYNAMIC, ROWS], ids=["dynamic", "weight-only"])
def test_convert_needs_no_calibration_without_static_activations(scheme):
    model = convert(prepare(linears(4, 6, 2), {"0": scheme, "1": scheme}))
    assert all(type(module) is QLinear for module in model) and model(torch.randn(3, 4)).shape == (3, 2)


@every_scheme
def test_all_hooks_are_gone_after_convert(scheme):
    model = quantized(linears(4, 6, 2), {"0": scheme, "1": scheme}, torch.randn(3, 4))
    assert hooks(model) == 0 and not planned_modules(model)


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


@pytest.mark.parametrize("poison", [float("nan"), float("inf")], ids=str)
def test_a_weight_that_is_not_finite_is_refused(poison):
    model = linears(4, 2)
    model[0].weight.data[1, 1] = poison
    with pytest.raises(ValueError, match="The weight of `0` has NaN or infinite values"):
        convert(prepare(model, {"0": DYNAMIC}))


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
