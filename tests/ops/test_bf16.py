import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inc_hf import ops
from inc_hf.ops import bf16_linear, bf16_linear_packed, bf16_pack, bf16_unpack
from inc_hf.ops.bf16 import bf16_describe, bf16_variants
from inc_hf.ops.numbers import ACTIVATIONS, IN_USE

WHY_NOT = f"no native kernels: {ops.why_unavailable()}"
pytestmark = pytest.mark.skipif(not ops.is_available(), reason=WHY_NOT)

SUPPORTED = bf16_variants()
VARIANTS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(name not in SUPPORTED, reason=f"this CPU lacks {name}" if SUPPORTED else WHY_NOT),
    )
    for name in ("amx", "avx512bf16", "avx512", "avx2", "neondot", "scalar")
]
every_variant = pytest.mark.parametrize("variant", VARIANTS)


def layer(n=21, k=70):
    return torch.randn(n, k).bfloat16(), torch.randn(n)


def assert_close(y, variant, x, weight, bias=None, activation="none", residual=None):
    """`y` is as near to the twin in float64 as the docstring of `bf16_linear_packed` promises."""
    exact = bf16_linear(x.double(), weight, bias, activation, None if residual is None else residual.double())
    magnitude = bf16_linear(x.double().abs(), weight.abs(), None if bias is None else bias.abs())
    bound = x.shape[-1] * 2**-23 + (2**-8 if variant in ("amx", "avx512bf16") else 0)
    # No activation is steeper than 1.13; its own error is at most 5e-7 max(1, |y|); the residual rounds once.
    allowed = 1.13 * bound * magnitude + 5e-7 * exact.abs().clamp(min=1)
    if residual is not None:
        allowed += 1e-6 * residual.double().abs()
    assert y.shape == exact.shape and y.dtype == torch.float32
    assert ((y.double() - exact).abs() <= allowed).all()


@every_variant
@pytest.mark.parametrize("activation", ops.ACTIVATIONS)
@pytest.mark.parametrize("shape", [(70,), (1, 70), (5, 70), (2, 3, 13, 70)], ids=["vector", "row", "rows", "4-D"])
def test_linear_packed_is_near_the_twin(variant, activation, shape):
    weight, bias = layer()
    x, residual = torch.randn(shape), torch.randn(*shape[:-1], 21)
    packed = bf16_pack(weight, bias, variant)
    assert_close(bf16_linear_packed(x, packed, 21), variant, x, weight, bias)
    y = bf16_linear_packed(x, packed, 21, activation, residual)
    assert_close(y, variant, x, weight, bias, activation, residual)


@given(
    st.sampled_from(SUPPORTED or ["scalar"]),
    st.integers(0, 30),
    st.integers(1, 140),
    st.integers(1, 140),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**31),
)
@settings(max_examples=80, deadline=None)
def test_any_shape(variant, m, n, k, with_bias, strided, seed):
    torch.manual_seed(seed)
    weight, bias = layer(n, k)
    bias = bias if with_bias else None
    x = torch.randn(m, k + 9)[:, 3 : k + 3] if strided else torch.randn(k, m).T
    packed = bf16_pack(weight, bias, variant)
    assert_close(bf16_linear_packed(x, packed, n), variant, x, weight, bias)
    assert torch.equal(bf16_unpack(packed), weight)


@every_variant
def test_pack_keeps_every_bit(variant):
    bits = torch.randint(-(2**15), 2**15, (37, 53), dtype=torch.int16)  # NaN, Inf and subnormals among them
    bias = torch.randn(37)
    for weight in (bits.view(torch.bfloat16), bits.T.contiguous().view(torch.bfloat16).T):
        packed = bf16_pack(weight, bias, variant)
        assert packed.dtype == torch.uint8 and packed.dim() == 1
        assert torch.equal(bf16_unpack(packed).view(torch.int16), bits)
        assert torch.equal(torch.ops.inc_hf.bf16_unpack_bias(packed), bias)
        assert bf16_describe(packed) == variant


def test_the_default_variant_runs_here():
    weight, _ = layer()
    assert bf16_describe(bf16_pack(weight)) in SUPPORTED
    assert not torch.ops.inc_hf.bf16_unpack_bias(bf16_pack(weight)).any()


@every_variant
@pytest.mark.parametrize("shape", [(0, 70), (3, 0, 70)], ids=["no rows", "3-D"])
def test_no_rows(variant, shape):
    weight, bias = layer()
    y = bf16_linear_packed(torch.empty(shape), bf16_pack(weight, bias, variant), 21, "gelu")
    assert y.shape == (*shape[:-1], 21)


@every_variant
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_not_a_number_stays_in_its_row(variant, value):
    weight, bias = layer()
    packed = bf16_pack(weight, bias, variant)
    x = torch.randn(9, 70)
    expected = bf16_linear_packed(x, packed, 21)
    x[4, 69] = value
    y = bf16_linear_packed(x, packed, 21)
    assert not y[4].isfinite().any()
    assert torch.equal(y[4].isnan(), bf16_linear(x, weight, bias)[4].isnan())
    others = torch.arange(9) != 4
    assert torch.equal(y[others], expected[others])


@every_variant
@pytest.mark.parametrize("x_value, w_value", [(3e38, 3e38), (-3e38, 3e38), (3e38, 1e-30), (1e-30, 1e-30)])
def test_extreme_magnitudes(variant, x_value, w_value):
    weight = torch.full((17, 33), w_value).bfloat16()
    x = torch.full((5, 33), x_value).bfloat16().float()  # what no variant has to round
    y = bf16_linear_packed(x, bf16_pack(weight, None, variant), 17)
    exact = bf16_linear(x.double(), weight)
    # 33 roundings; below the smallest normal number 0 will do.
    torch.testing.assert_close(y.double(), exact.float().double(), rtol=33 * 2**-23, atol=1.2e-38)


@every_variant
def test_a_row_depends_on_itself_alone_and_not_on_threads(variant):
    weight, bias = layer(300, 500)
    packed = bf16_pack(weight, bias, variant)
    x = torch.randn(70, 500)
    y = bf16_linear_packed(x, packed, 300, "gelu")
    torch.set_num_threads(2)
    assert torch.equal(bf16_linear_packed(x, packed, 300, "gelu"), y)
    for rows in (slice(0, 1), slice(7, 12), slice(69, 70)):
        assert torch.equal(bf16_linear_packed(x[rows], packed, 300, "gelu"), y[rows])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes_come_back_as_they_came(dtype):
    weight, bias = layer()
    packed = bf16_pack(weight, bias, "scalar")
    x, residual = torch.randn(5, 70).to(dtype), torch.randn(5, 21).to(dtype)
    y = bf16_linear_packed(x, packed, 21, "silu", residual)
    assert y.dtype == dtype
    expected = bf16_linear(x, weight, bias, "silu", residual)
    tolerance = 1e-5 if dtype == torch.float64 else torch.finfo(dtype).eps  # both round a float32 to `dtype`
    torch.testing.assert_close(y, expected, rtol=tolerance, atol=1e-5)
    if dtype == torch.float64:
        assert torch.equal(y, expected)


def test_gradients_are_those_of_the_twin():
    weight, bias = layer()
    packed = bf16_pack(torch.nn.Parameter(weight), torch.nn.Parameter(bias))
    x = torch.randn(3, 70, requires_grad=True)
    (gradient,) = torch.autograd.grad(bf16_linear_packed(x, packed, 21, "gelu").sum(), x)
    (expected,) = torch.autograd.grad(bf16_linear(x, weight, bias, "gelu").sum(), x)
    assert not packed.requires_grad and torch.equal(gradient, expected)
    with torch.no_grad():
        assert_close(bf16_linear_packed(x, bf16_pack(weight, bias, "scalar"), 21), "scalar", x, weight, bias)


def test_inference_mode_and_autocast_change_nothing():
    weight, bias = layer()
    packed, x = bf16_pack(weight, bias), torch.randn(5, 70)
    y, twin = bf16_linear_packed(x, packed, 21, "gelu"), bf16_linear(x, weight, bias, "gelu")
    with torch.inference_mode():
        assert torch.equal(bf16_linear_packed(x, packed, 21, "gelu"), y)
        assert torch.equal(bf16_linear_packed(x.clone(), bf16_pack(weight, bias), 21, "gelu"), y)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(bf16_linear_packed(x, packed, 21, "gelu"), y)
        assert torch.equal(bf16_linear(x, weight, bias, "gelu"), twin)


def test_opcheck():
    weight, bias = layer()
    op, packed = torch.ops.inc_hf, bf16_pack(weight, bias)
    torch.library.opcheck(op.bf16_pack.default, (weight, bias, IN_USE))
    torch.library.opcheck(op.bf16_unpack.default, (packed,))
    torch.library.opcheck(op.bf16_unpack_bias.default, (packed,))
    for x, residual in ((torch.randn(5, 70), None), (torch.randn(2, 70, 3).mT, torch.randn(2, 3, 21))):
        torch.library.opcheck(op.bf16_linear_packed.default, (x, packed, 21, ACTIVATIONS["gelu"], residual))


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("packed", bf16_pack(*layer()))

    def forward(self, x):
        return bf16_linear_packed(x, self.packed, 21, "gelu") * 2


@torch.inference_mode()
def test_compile_and_export():
    model, x = Layer().eval(), torch.randn(4, 70)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager", dynamic=True)
    exported = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("rows")},)).module()
    for rows in (4, 7):
        x = torch.randn(rows, 70)
        assert torch.equal(compiled(x), model(x))
        assert torch.equal(exported(x), model(x))


def test_meta_tensors_have_the_shape():
    weight, bias = layer()
    x = torch.empty(3, 70, device="meta")
    assert bf16_linear_packed(x, bf16_pack(weight, bias), 21).shape == (3, 21)


WEIGHT = torch.zeros(21, 70, dtype=torch.bfloat16)
BAD_WEIGHTS = {
    "float32": ((WEIGHT.float(),), "`weight` must be of type BFloat16, got Float"),
    "vector": ((WEIGHT[0],), r"`weight` must be of shape \(out_features, in_features\), got \(70\)"),
    "no rows": ((WEIGHT[:0],), r"n and k must be in \[1, 2\^30\], got n="),
    "no columns": ((WEIGHT[:, :0],), r"n and k must be in \[1, 2\^30\], got n="),
    "bias": ((WEIGHT, torch.zeros(20)), r"`bias` must have 21 elements, got shape \(20\)"),
    "variant": (
        (WEIGHT, None, "sse2"),
        "Unknown variant 'sse2'; choose one of amx, avx512bf16, avx512, avx2, neondot, scalar",
    ),
}


@pytest.mark.parametrize("arguments, message", BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_pack_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        bf16_pack(*arguments)


@pytest.mark.parametrize("variant", ["amx", "avx512bf16", "avx512", "avx2"])
def test_pack_refuses_a_variant_of_another_cpu(variant):
    if variant in SUPPORTED:
        pytest.skip(f"this CPU has {variant}")
    with pytest.raises(ValueError, match=f"This CPU lacks {variant}; choose one of {', '.join(SUPPORTED)}"):
        bf16_pack(WEIGHT, None, variant)


X, CODES = torch.zeros(3, 70), torch.zeros(3, 80, dtype=torch.uint8)
BAD_CALLS = {
    "integers": ({"x": X.int()}, "`x` must be of type Float, got Int"),
    "no dimension": ({"x": torch.tensor(1.0)}, r"`x` must have at least one dimension, got shape \(\)"),
    "columns": ({"x": X[:, 1:]}, r"`x` must have 70 features, got shape \(3, 69\)"),
    "out_features": ({"out_features": 20}, "`out_features` is 21 for this packed weight, got 20"),
    "activation": ({"activation": "tanh"}, "Unknown activation 'tanh'; choose one of none, relu, gelu"),
    "residual shape": ({"residual": torch.zeros(21)}, r"`residual` must have the shape .* \(3, 21\), got \(21,?\)"),
    "residual type": ({"residual": torch.zeros(3, 21).double()}, "`residual` must be of type Float, got Double"),
    "packed type": ({"packed": X}, "`packed` must be of type Byte, got Float"),
    "packed matrix": ({"packed": CODES}, r"`packed` must be what bf16_pack returned, got shape \(3, 80\)"),
}


@pytest.mark.parametrize("changed, message", BAD_CALLS.values(), ids=BAD_CALLS)
def test_linear_packed_refuses(changed, message):
    arguments = {"x": X, "packed": bf16_pack(WEIGHT), "out_features": 21, **changed}
    with pytest.raises(ValueError, match=message):
        bf16_linear_packed(**arguments)


@pytest.mark.parametrize("name", ["activation", "residual shape"])
def test_the_twin_refuses(name):
    changed, message = BAD_CALLS[name]
    with pytest.raises(ValueError, match=message):
        bf16_linear(X, WEIGHT, **changed)


def every_op(packed, x):
    """The result of the product, or None if every operation on `packed` raises ValueError."""
    calls = [
        lambda: bf16_linear_packed(x, packed, 5),
        lambda: torch.ops.inc_hf.bf16_unpack_bias(packed),
        lambda: bf16_unpack(packed),
    ]
    results = []
    for call in calls:
        try:
            results.append(call())
        except ValueError:
            results.append(None)
    return results[0]


@every_variant
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_a_header_with_a_wrong_byte_is_refused_or_harmless(variant, flip):
    weight, bias = layer(5, 70)
    packed, x = bf16_pack(weight, bias, variant), torch.randn(3, 70)
    for at in range(64):
        corrupt = packed.clone()
        corrupt[at] ^= flip
        y = every_op(corrupt, x)
        if y is not None:  # a byte without meaning, or the other of two variants of one layout
            assert_close(y, bf16_describe(corrupt), x, weight, bias)


@given(st.integers(0, 63), st.binary(min_size=1, max_size=24), st.integers(-80, 80))
@settings(max_examples=100, deadline=None)
def test_a_corrupt_header_never_crashes(at, content, grown):
    packed, x = bf16_pack(*layer(5, 70), "scalar"), torch.randn(3, 70)
    header = packed[:64].clone()
    written = torch.frombuffer(bytearray(content), dtype=torch.uint8)[: 64 - at]
    header[at : at + len(written)] = written
    body = packed[64 : len(packed) + min(grown, 0)]
    every_op(torch.cat([header, body, torch.zeros(max(grown, 0), dtype=torch.uint8)]), x)


def cut(packed):
    return {
        "empty": packed[:0],
        "short": packed[:-1],
        "long": torch.cat([packed, packed[:1]]),
        "no header": packed[64:],
        "half a header": packed[:32],
        "unaligned": packed[1:],
        "zeros": torch.zeros_like(packed),
        "matrix": packed.reshape(2, -1),
        "every second byte": packed.repeat_interleave(2)[::2],
    }


@pytest.mark.parametrize("name", cut(torch.zeros(128, dtype=torch.uint8)))
def test_what_pack_did_not_return_is_refused(name):
    packed = cut(bf16_pack(*layer(5, 70)))[name]
    with pytest.raises(ValueError, match="Not a bf16gemm weight|must be what bf16_pack returned"):
        bf16_linear_packed(torch.zeros(3, 70), packed, 5)
    with pytest.raises(ValueError, match="Not a bf16gemm weight|must be what bf16_pack returned"):
        bf16_unpack(packed)
