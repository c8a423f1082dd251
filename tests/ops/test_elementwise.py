import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inc_hf import ops
from inc_hf.ops import elementwise, library
from inc_hf.ops.elementwise import (
    activate,
    activate_reference,
    layer_norm,
    layer_norm_reference,
    softmax,
    softmax_reference,
)
from inc_hf.ops.numbers import ACTIVATIONS, ISAS

WHY_NOT = "INC_HF_ISA=reference" if os.environ.get("INC_HF_ISA") == "reference" else ops.why_unavailable()
native = pytest.mark.skipif(WHY_NOT is not None, reason=f"no native kernels: {WHY_NOT}")
INF, NAN = float("inf"), float("nan")
ACTIVATION_ERROR = {"none": 0, "relu": 0, "gelu": 3e-7, "gelu_tanh": 5e-7, "silu": 3e-7, "quick_gelu": 3e-7}


def assert_activation(y, x, name):
    exact = activate_reference(x.double(), name)
    assert y.shape == x.shape and y.dtype == x.dtype
    # The bound of the docstring; torch's own GELU in float32 is not within it.
    assert ((y.double() - exact).abs() <= ACTIVATION_ERROR[name] * exact.abs().clamp(min=1)).all()


def assert_layer_norm(y, x, residual=None, weight=None, bias=None, eps=1e-5):
    v = x if residual is None else x + residual  # this sum is rounded, and the error counted from there
    doubles = [None if t is None else t.double() for t in (weight, bias)]
    exact = layer_norm_reference(v.double(), None, *doubles, eps)
    assert y.shape == x.shape and y.dtype == x.dtype
    # 2e-6 is for weights and biases of unit scale; those of the tests reach 4.
    assert ((y.double() - exact).abs() <= 8e-6 * exact.abs().clamp(min=1)).all()


def assert_softmax(y, x, mask=None):
    exact = softmax_reference((x if mask is None else x + mask).double())  # the sum is rounded, as above
    assert y.shape == x.shape and y.dtype == x.dtype
    assert ((y.double() - exact).abs() <= 1e-6).all()


@native
@pytest.mark.parametrize("name", ops.ACTIVATIONS)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0, 5), (100_001,), (7, 31, 9)], ids=str)
def test_activate(name, shape):
    x = torch.randn(shape) * 4
    assert_activation(activate(x, name), x, name)


@native
@pytest.mark.parametrize("name", ops.ACTIVATIONS)
def test_activate_at_the_extremes(name):
    x = torch.tensor([0.0, -0.0, 1e-45, -1e-45, 1e-38, 3.4e38, -3.4e38, 88.0, -87.0, 700.0, -700.0, -5.7, 5.6])
    assert_activation(activate(x, name), x, name)
    y = activate(torch.tensor([NAN, INF, 2.0]), name)
    assert y[0].isnan() and y[1] == INF and y[2].isfinite()
    at_minus_inf = activate(torch.tensor([-INF]), name)
    assert at_minus_inf == -INF if name == "none" else at_minus_inf.isnan() or at_minus_inf.abs() < 1e-20


@pytest.mark.parametrize("with_weight", [True, False], ids=["affine", "plain"])
@pytest.mark.parametrize("with_residual", [True, False], ids=["residual", "alone"])
@pytest.mark.parametrize("shape", [(1,), (768,), (0, 8), (3, 0), (5, 1), (2, 3, 70)], ids=str)
def test_layer_norm(shape, with_residual, with_weight):
    x, residual = torch.randn(shape) * 3 + 100, torch.randn(shape) if with_residual else None
    weight, bias = (torch.randn(shape[-1:]), torch.randn(shape[-1:])) if with_weight else (None, None)
    assert_layer_norm(layer_norm(x, residual, weight, bias), x, residual, weight, bias)


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("column", [0, 68, 69])
def test_layer_norm_of_a_row_that_is_not_finite(value, column):
    x = torch.randn(4, 70)
    expected = layer_norm(x)
    x[2, column] = value
    y = layer_norm(x)
    assert y[2].isnan().all()
    assert torch.equal(y[[0, 1, 3]], expected[[0, 1, 3]])


X = (2, 3, 5, 70)  # (batch, heads, queries, keys)
PER_ROW = {
    "none": None,
    "keys": (70,),
    "one for all": (1, 1, 1, 70),
    "batch": (2, 1, 1, 70),
    "heads": (2, 3, 1, 70),
    "all": X,
}
BROADCAST = {"queries": (5, 70), "batch and queries": (2, 1, 5, 70), "rows": (2, 3, 5, 1), "scalar": ()}


@pytest.mark.parametrize("shape", [*PER_ROW.values(), *BROADCAST.values()], ids=[*PER_ROW, *BROADCAST])
def test_softmax_masks(shape):
    x = torch.randn(X) * 5
    mask = None if shape is None else torch.where(torch.rand(shape) < 0.3, -INF, torch.randn(shape))
    if shape is not None and (not shape or shape[-1] == 1):
        mask = torch.zeros(shape)
    assert_softmax(softmax(x, mask), x, mask)


@native
@pytest.mark.parametrize("shape", [*PER_ROW.values(), *BROADCAST.values()], ids=[*PER_ROW, *BROADCAST])
def test_softmax_op_takes_masks_of_whole_rows_only(shape):
    x, mask = torch.randn(X), None if shape is None else torch.randn(shape)
    op = torch.ops.inc_hf.softmax
    if shape in PER_ROW.values():
        assert_softmax(op(x, mask), x, mask)
    else:
        with pytest.raises(ValueError, match=r"`mask` must have the first sizes of `x`, then 1"):
            op(x, mask)


@pytest.mark.parametrize("shape", [(1,), (4, 0), (0, 4), (3, 1), (2, 1000)], ids=str)
def test_softmax_shapes(shape):
    x = torch.randn(shape)
    assert_softmax(softmax(x), x)
    assert_softmax(softmax(x, torch.zeros(shape[-1:])), x)


def test_softmax_at_the_extremes():
    rows = torch.tensor([[3e38, -3e38, 0.0], [-3e38, -3e38, -3e38], [0.0, -INF, -100.0], [-1e38, 1e38, 1e38]])
    assert_softmax(softmax(rows), rows)
    x, lowest = torch.randn(2, 3), torch.full((3,), torch.finfo(torch.float32).min)
    assert_softmax(softmax(x, lowest), x, lowest)
    for bad in ([-INF, -INF, -INF], [0.0, NAN, 1.0], [0.0, INF, 1.0]):
        assert softmax(torch.tensor([bad, [1.0, 2.0, 3.0]])).isnan().tolist() == [[True] * 3, [False] * 3]


@native
@given(st.lists(st.integers(0, 7), min_size=1, max_size=4), st.integers(0, 70), st.integers(0, 2**31))
@settings(max_examples=80, deadline=None)
def test_any_shape_and_stride(leading, cols, seed):
    torch.manual_seed(seed)
    x = torch.randn(cols, *leading).movedim(0, -1) * 3
    residual, weight, bias = torch.randn(*leading, 2 * cols)[..., ::2], torch.randn(cols), torch.randn(2 * cols)[::2]
    mask_shape = [n if torch.rand(()) < 0.5 else 1 for n in x.shape[:-1]] + [cols]
    mask = torch.randn(mask_shape[int(torch.randint(len(mask_shape), ())) :])
    assert_activation(activate(x, "gelu"), x, "gelu")
    assert_layer_norm(layer_norm(x, residual, weight, bias), x, residual, weight, bias)
    assert_softmax(softmax(x, mask), x, mask)


# `INC_HF_ISA` is read once per process, hence one process for each; forked, as importing torch takes a second.
SCRIPT = """
import os, sys, torch
library, folder, *isas = sys.argv[1:]
torch.ops.load_library(library)
op, (x, residual, weight, bias, mask) = torch.ops.inc_hf, torch.load(folder + "/inputs")
for isa in isas:
    if os.fork() == 0:
        os.environ["INC_HF_ISA"] = isa
        activated = [op.activate(x, number) for number in range(6)]
        normalized, probabilities = op.layer_norm(x, residual, weight, bias, 1e-5), op.softmax(x, mask)
        torch.save((op.isa(), activated, normalized, probabilities), folder + "/" + isa)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def outputs_of_isas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("isas")
    torch.save([torch.randn(shape) for shape in ((64, 333), (64, 333), (333,), (333,), (333,))], folder / "inputs")
    command = [sys.executable, "-c", SCRIPT, str(library.LIBRARY), str(folder), *ops.supported_isas()]
    subprocess.run(command, check=True, timeout=120)
    return folder


@native
@pytest.mark.parametrize("isa", library.NATIVE_ISAS)
def test_every_isa(isa, request):
    if isa not in ops.supported_isas():
        pytest.skip(f"this CPU lacks {isa}")
    folder = request.getfixturevalue("outputs_of_isas")
    x, residual, weight, bias, mask = torch.load(folder / "inputs")
    used, activated, normalized, probabilities = torch.load(folder / isa)
    assert used == ISAS[isa]
    for name, number in ACTIVATIONS.items():
        y = activated[number]
        assert_activation(y, x, name)
        assert torch.equal(y, torch.ops.inc_hf.activate(x, number))  # the same bits on every ISA
    assert_layer_norm(normalized, x, residual, weight, bias)
    assert_softmax(probabilities, x, mask)


def all_three(x):
    return activate(x, "gelu"), layer_norm(x, x, x[0], x[1], 1e-6), softmax(x, x[0])


def equal(one, other):
    return all(torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(one, other, strict=True))


def test_without_the_kernels_it_is_the_twin(monkeypatch):
    monkeypatch.setattr(elementwise, "is_native", lambda: False)
    x = torch.randn(5, 70)
    twins = activate_reference(x, "gelu"), layer_norm_reference(x, x, x[0], x[1], 1e-6), softmax_reference(x, x[0])
    assert equal(all_three(x), twins)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes_are_the_twin(dtype):
    x = torch.randn(5, 70).to(dtype)
    twins = activate_reference(x, "gelu"), layer_norm_reference(x, x, x[0], x[1], 1e-6), softmax_reference(x, x[0])
    assert equal(all_three(x), twins)


def test_gradients_are_those_of_the_twin():
    x = torch.randn(5, 70, requires_grad=True)
    twins = activate_reference(x, "gelu"), layer_norm_reference(x, x, x[0], x[1], 1e-6), softmax_reference(x, x[0])
    for y, twin in zip(all_three(x), twins, strict=True):
        seed = torch.randn(5, 70)
        assert torch.equal(*(torch.autograd.grad(z, x, seed, retain_graph=True)[0] for z in (y, twin)))
    with torch.no_grad():
        assert not any(y.requires_grad for y in all_three(x))


def test_a_trained_weight_gets_its_gradient():
    weight = torch.nn.Parameter(torch.randn(70))
    layer_norm(torch.randn(5, 70), weight=weight).square().sum().backward()
    assert weight.grad.abs().sum() > 0


def test_inference_mode_autocast_and_threads_change_nothing():
    x = torch.randn(600, 300)
    expected = all_three(x)
    with torch.inference_mode():
        assert equal(all_three(x), expected)
    if WHY_NOT is None:  # torch's own LayerNorm and softmax do not promise it
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert equal(all_three(x), expected)
        torch.set_num_threads(2)
        assert equal(all_three(x), expected)


@native
def test_opcheck():
    x, op = torch.randn(3, 5, 70), torch.ops.inc_hf
    for strided in (x, torch.randn(70, 5, 3).permute(2, 1, 0), torch.randn(0, 5, 70)):
        torch.library.opcheck(op.activate.default, (strided, ACTIVATIONS["silu"]))
        torch.library.opcheck(op.layer_norm.default, (strided, strided.clone(), x[0, 0], x[0, 1], 1e-5))
        torch.library.opcheck(op.softmax.default, (strided, x[0, 0]))


class Block(torch.nn.Module):
    def forward(self, x, mask):
        return softmax(layer_norm(activate(x, "gelu"), x), mask)


@torch.inference_mode()
@pytest.mark.parametrize("mask", [(70,), (4, 1, 70), (5, 70)], ids=["keys", "batch", "queries"])
def test_compile_and_export(mask):
    x, mask = torch.randn(4, 5, 70), torch.randn(mask)
    compiled = torch.compile(Block(), fullgraph=True, backend="aot_eager")
    exported = torch.export.export(Block(), (x, mask)).module()
    assert torch.equal(compiled(x, mask), Block()(x, mask))
    assert torch.equal(exported(x, mask), Block()(x, mask))


@torch.inference_mode()
def test_compile_and_export_with_a_dynamic_batch():
    compiled = torch.compile(Block(), fullgraph=True, backend="aot_eager", dynamic=True)
    batch = torch.export.Dim("batch")
    example = torch.randn(4, 5, 70), torch.randn(4, 1, 70)
    exported = torch.export.export(Block(), example, dynamic_shapes=({0: batch}, {0: batch})).module()
    for size in (4, 7):
        x, mask = torch.randn(size, 5, 70), torch.randn(size, 1, 70)
        assert torch.equal(compiled(x, mask), Block()(x, mask))
        assert torch.equal(exported(x, mask), Block()(x, mask))


def test_meta_tensors_have_the_shape():
    assert [y.shape for y in all_three(torch.empty(5, 70, device="meta"))] == [(5, 70)] * 3


ROWS = torch.zeros(3, 8)
REFUSED = {
    "activation": (lambda x: activate(x, "tanh"), "Unknown activation 'tanh'; choose one of none, relu, gelu"),
    "residual": (lambda x: layer_norm(x, x[0]), r"`residual` must have .*got \(8,?\)"),
    "weight": (lambda x: layer_norm(x, None, x[:, 0]), r"`weight` must have .*got .*3"),
    "bias": (lambda x: layer_norm(x, None, None, x[:, 0]), r"`bias` must have .*got .*3"),
    "bool mask": (lambda x: softmax(x, x[0] == 0), "`mask` must be float, 0 where `x` counts"),
    "wide mask": (lambda x: softmax(x, x.new_zeros(9)), r"`mask` must be broadcastable to \(3, 8\), got \(9,\)"),
    "deep mask": (lambda x: softmax(x, x[None]), r"`mask` must be broadcastable to \(3, 8\), got \(1, 3, 8\)"),
    "tall mask": (lambda x: softmax(x[:1], x), r"`mask` must be broadcastable to \(1, 8\), got \(3, 8\)"),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["native", "twin"])
@pytest.mark.parametrize("call, message", REFUSED.values(), ids=REFUSED)
def test_refused(call, message, dtype):
    with pytest.raises(ValueError, match=message):
        call(ROWS.to(dtype))


REFUSED_BY_OPS = {
    "activate": (lambda op: op.activate(ROWS.double(), ACTIVATIONS["gelu"]), "`x` must be of type Float, got Double"),
    "layer_norm": (lambda op: op.layer_norm(ROWS.int(), None, None, None, 0.0), "`x` must be of type Float, got Int"),
    "residual": (
        lambda op: op.layer_norm(ROWS, ROWS.half(), None, None, 0.0),
        "`residual` must be of type Float, got Half",
    ),
    "weight": (
        lambda op: op.layer_norm(ROWS, None, ROWS[0].half(), None, 0.0),
        "`weight` must be of type Float, got Half",
    ),
    "softmax": (lambda op: op.softmax(ROWS.bool(), None), "`x` must be of type Float, got Bool"),
    "no dimension": (lambda op: op.softmax(ROWS[0, 0], None), r"`x` must have at least one dimension, got shape \(\)"),
    "mask": (lambda op: op.softmax(ROWS, ROWS.double()), "`mask` must be of type Float, got Double"),
    "mask shape": (lambda op: op.softmax(ROWS, ROWS[None]), r"`mask` must have the first sizes .*, got \(1, 3, 8\)"),
}


@native
@pytest.mark.parametrize("call, message", REFUSED_BY_OPS.values(), ids=REFUSED_BY_OPS)
def test_refused_by_the_operators(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.ops.inc_hf)
