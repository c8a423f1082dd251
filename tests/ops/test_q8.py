import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inc_hf import ops

WHY_NOT = f"no native kernels: {ops.why_unavailable()}"
pytestmark = pytest.mark.skipif(not ops.is_available(), reason=WHY_NOT)

SUPPORTED = ops.supported_isas()
NATIVE = ("amx", "avx512vnni", "avxvnni", "avx2", "neondot", "scalar")
ISAS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(name not in SUPPORTED, reason=f"this CPU lacks {name}" if SUPPORTED else WHY_NOT),
    )
    for name in NATIVE
]
every_isa = pytest.mark.parametrize("isa", ISAS)
every_kind = pytest.mark.parametrize("kind", ["dense", "sparse", "auto"])
QUANTIZERS = {
    "dynamic": {},
    "dynamic float32": {"scale_dtype": torch.float32},
    "static": {"input_scale": torch.tensor([0.021])},
    "static asymmetric": {
        "input_scale": torch.tensor([0.017]),
        "input_zero_point": torch.tensor([-19], dtype=torch.int8),
    },
}
every_quantizer = pytest.mark.parametrize("quantizer", QUANTIZERS.values(), ids=QUANTIZERS)


def weight_of(n, k, bits=8, zeros=0.0):
    """An int8 weight whose 4x1 blocks are zero with that probability."""
    limit = ops.weight_qmax(bits)
    weight = torch.randint(-limit, limit + 1, (n, k), dtype=torch.int8)
    keep = torch.rand((n + 3) // 4, k) >= zeros
    return weight * keep.repeat_interleave(4, 0)[:n]


def layer(n=21, k=70, bits=8, zeros=0.0):
    return weight_of(n, k, bits, zeros), torch.rand(n, 1) * 0.02 + 1e-3, torch.randn(n)


def assert_same(y, expected):
    """Equal as floats, NaN where the other one is NaN."""
    assert y.dtype == expected.dtype and y.shape == expected.shape
    assert ((y == expected) | (y.isnan() & expected.isnan())).all()


def assert_near(y, expected):
    """Within the error of the activation functions, `1e-6 * max(1, |y|)`; NaN where the other one is NaN."""
    assert y.shape == expected.shape and torch.equal(y.isnan(), expected.isnan())
    assert ((y - expected).abs() <= 1e-6 * expected.abs().clamp(min=1)).logical_or(y.isnan()).all()


@every_isa
@every_kind
@every_quantizer
@pytest.mark.parametrize("num_bits", [8, 7, 4])
@pytest.mark.parametrize("bits", [8, 7], ids=["W8", "W7"])
def test_linear_packed_is_its_twin(isa, kind, quantizer, num_bits, bits):
    weight, weight_scale, bias = layer(bits=bits, zeros=0.3)
    x, residual = torch.randn(13, 70) * 3, torch.randn(13, 21)
    packed = ops.q8_pack(weight, weight_scale, bias, kind, isa)
    expected = ops.q8_linear(x, weight, weight_scale, bias, num_bits=num_bits, **quantizer)
    assert torch.equal(ops.q8_linear_packed(x, packed, 21, num_bits=num_bits, **quantizer), expected)
    y = ops.q8_linear_packed(x, packed, 21, num_bits=num_bits, residual=residual, **quantizer)
    assert torch.equal(y, expected + residual)


@every_isa
@every_kind
@pytest.mark.parametrize("activation", ops.ACTIVATIONS)
def test_activations_and_residuals(isa, kind, activation):
    weight, weight_scale, bias = layer(zeros=0.3)
    x, residual = torch.randn(5, 13, 70) * 2, torch.randn(21, 13, 5).permute(2, 1, 0)
    x[1, 2, 3] = torch.nan
    packed = ops.q8_pack(weight, weight_scale, bias, kind, isa)
    expected = ops.q8_linear(x, weight, weight_scale, bias, activation=activation)
    assert_near(ops.q8_linear_packed(x, packed, 21, activation=activation), expected)
    y = ops.q8_linear_packed(x, packed, 21, activation=activation, residual=residual)
    # The sum rounds once more, to 2^-24 of itself.
    assert_near(y, expected + residual)
    assert y[1, 2].isnan().all() and y.isnan().sum() == 21


def normal(m, k):
    return torch.randn(m, k)


def outliers(m, k):
    x = torch.randn(m, k)
    x[torch.rand(m, k) < 0.05] *= 1e6
    return x


def denormals(m, k):
    return torch.randn(m, k) * 10.0 ** torch.randint(-46, -36, (m, 1))


def ties(m, k):
    """Exactly between two integers, and one bit off, for a dynamic scale that is a power of two."""
    x = torch.randint(-128, 128, (m, k)) + 0.5
    x[:, 0] = 127.5
    x[:, 1::3] = torch.nextafter(x[:, 1::3], torch.tensor(torch.inf))
    x[:, 2::3] = torch.nextafter(x[:, 2::3], torch.tensor(-torch.inf))
    return x.clamp(-127.5, 127.5) * 2.0 ** torch.randint(-100, 100, (m, 1))


def near_ties(m, k):
    """A few bits from the middle between two integers, for the static scales and for any dynamic one."""
    scale = torch.tensor([0.021, 0.017, 0.037])[torch.randint(0, 3, (m, 1))]
    x = (torch.randint(-127, 127, (m, k)) + 0.5) * scale
    return x * (1 + torch.randint(-3, 4, (m, k)) * 2.0**-23)


def zeros(m, k):
    return torch.zeros(m, k) * torch.where(torch.rand(m, k) < 0.5, -1.0, 1.0)


def not_finite(m, k):
    x = torch.randn(m, k)
    poison = torch.tensor([torch.nan, torch.inf, -torch.inf])[torch.randint(0, 3, (m,))]
    return torch.where((torch.rand(m) < 0.5)[:, None] & (torch.arange(k) == k - 1), poison[:, None], x)


def largest(m, k):
    return torch.where(torch.rand(m, k) < 0.5, -1.0, 1.0) * torch.finfo(torch.float32).max


INPUTS = (normal, outliers, denormals, ties, near_ties, zeros, not_finite, largest)


@every_isa
@every_quantizer
@pytest.mark.parametrize("inputs", INPUTS)
def test_unusual_inputs(isa, quantizer, inputs):
    weight, weight_scale, bias = layer(9, 150)
    for m, k in ((40, 150), (3, 8), (1, 1)):
        x = inputs(m, k)
        for kind in ("dense", "sparse"):
            packed = ops.q8_pack(weight[:, :k], weight_scale, bias, kind, isa)
            for num_bits in (8, 5):
                y = ops.q8_linear_packed(x, packed, 9, num_bits=num_bits, **quantizer)
                expected = ops.q8_linear(x, weight[:, :k], weight_scale, bias, num_bits=num_bits, **quantizer)
                assert_same(y, expected)


@given(
    st.sampled_from(SUPPORTED or NATIVE),
    st.sampled_from(["dense", "sparse", "auto"]),
    st.tuples(st.integers(0, 70), st.integers(1, 300), st.integers(1, 140)),
    st.sampled_from([(0.0, 8), (0.0, 7), (0.5, 8), (0.9, 7), (1.0, 8)]),
    st.sampled_from(list(QUANTIZERS)),
    st.sampled_from(INPUTS),
    st.integers(2, 8),
    st.integers(0, 2**31),
)
@settings(max_examples=150, deadline=None)
def test_any_shape(isa, kind, shape, weights, quantizer, inputs, num_bits, seed):
    torch.manual_seed(seed)
    (m, k, n), (share, bits) = shape, weights
    weight, weight_scale, bias = layer(n, k, bits, share)
    weight_scale = weight_scale if seed % 2 else torch.tensor([0.01])
    bias = bias if seed % 3 else None
    x, quantizer = inputs(m, k), QUANTIZERS[quantizer]
    packed = ops.q8_pack(weight, weight_scale, bias, kind, isa)
    y = ops.q8_linear_packed(x, packed, n, num_bits=num_bits, **quantizer)
    assert_same(y, ops.q8_linear(x, weight, weight_scale, bias, num_bits=num_bits, **quantizer))
    assert torch.equal(ops.q8_unpack(packed), weight)


EXTREMES = {"lowest": (-128, -128), "highest": (127, 127), "opposite": (-128, 127), "symmetric": (-127, -127)}


def assert_sums_are_exact(packed, weight, values):
    """`values`: the signed integers of one token."""
    n, k = weight.shape
    codes = torch.full((3, (k + 15) // 16 * 16), 128, dtype=torch.uint8)
    codes[:, :k] = values + 128
    for zero_point in (-128, 0, 5, 127):
        expected = (weight.long() @ (values.long() - zero_point)).expand(3, n)
        assert torch.equal(ops.q8_accumulate(codes, packed, n, zero_point).long(), expected)


@every_isa
@pytest.mark.parametrize("kind, k", [("dense", 7), ("dense", 8192), ("dense", 65536), ("sparse", 7), ("sparse", 4096)])
@pytest.mark.parametrize("value, w_value", EXTREMES.values(), ids=EXTREMES)
def test_extreme_sums_are_exact(isa, kind, k, value, w_value):
    weight = torch.full((5, k), w_value, dtype=torch.int8)
    weight[4, ::2] *= -1  # -128 stays
    packed = ops.q8_pack(weight, torch.ones(5), None, kind, isa)
    assert_sums_are_exact(packed, weight, torch.full((k,), value))


@every_isa
@pytest.mark.parametrize("k", [4097, 65535, 65536])
def test_extreme_sums_of_alternating_signs_are_exact(isa, k):
    signs = torch.where(torch.arange(k) % 2 == 0, 127, -127)
    weight = torch.stack([signs, -signs, signs.roll(k // 3), signs, signs]).to(torch.int8)
    for kind in ("dense", "sparse"):
        assert_sums_are_exact(ops.q8_pack(weight, torch.ones(5), None, kind, isa), weight, signs)


@every_kind
@pytest.mark.parametrize("zero_point", [-128, -3, 0, 127])
@pytest.mark.parametrize("share, bits", [(0.0, 8), (0.0, 7), (0.6, 8)], ids=["W8", "W7", "sparse W8"])
@pytest.mark.parametrize("m, n, k", [(1, 5, 16), (3, 70, 112), (69, 37, 304)], ids=str)
def test_accumulate_is_exact_and_the_same_everywhere(kind, zero_point, share, bits, m, n, k):
    weight = weight_of(n, k, bits, share)
    codes = torch.randint(0, 256, (m, k), dtype=torch.uint8)
    signed = (codes.int() - 128).to(torch.int8)
    expected = ops.int_matmul(signed, weight) - zero_point * weight.sum(1, dtype=torch.int32)
    for isa in SUPPORTED:
        y = ops.q8_accumulate(codes, ops.q8_pack(weight, torch.ones(n), None, kind, isa), n, zero_point)
        assert y.dtype == torch.int32 and torch.equal(y, expected), isa


@every_isa
@pytest.mark.parametrize("kind", ["dense", "sparse"])
@every_quantizer
def test_a_row_does_not_depend_on_its_batch(isa, kind, quantizer):
    weight, weight_scale, bias = layer(37, 70, zeros=0.5)
    packed = ops.q8_pack(weight, weight_scale, bias, kind, isa)
    x = torch.randn(130, 70) * 10 ** (torch.rand(130, 1) * 4 - 2)
    whole = ops.q8_linear_packed(x, packed, 37, activation="gelu", **quantizer)
    for size in (1, 2, 3, 4, 7, 8, 9, 16, 31, 32, 33, 47, 48, 63, 64, 65, 70, 129):
        parts = [ops.q8_linear_packed(part, packed, 37, activation="gelu", **quantizer) for part in x.split(size)]
        assert torch.equal(torch.cat(parts), whole), f"batches of {size}"
    shuffled = torch.randperm(130)
    assert torch.equal(ops.q8_linear_packed(x[shuffled], packed, 37, activation="gelu", **quantizer), whole[shuffled])


@every_isa
@every_kind
def test_unpack_gives_every_weight_back(isa, kind):
    every_value = torch.arange(-128, 128).to(torch.int8)
    for n, k in ((1, 256), (256, 1), (3, 129), (67, 70), (64, 64), (129, 5)):
        weight = every_value.repeat(n * k // 256 + 1)[torch.randperm(n * k)].reshape(n, k)
        packed = ops.q8_pack(weight, torch.ones(1), None, kind, isa)
        assert packed.dtype == torch.uint8 and packed.dim() == 1
        assert torch.equal(ops.q8_unpack(packed), weight)
        transposed = ops.q8_pack(weight.T.contiguous().T, torch.ones(1), None, kind, isa)
        assert torch.equal(transposed, packed)


@every_isa
def test_auto_leaves_out_zeros_that_pay(isa):
    weight, weight_scale, _ = layer(64, 256)
    assert "dense" in ops.q8_describe(ops.q8_pack(weight, weight_scale, None, "auto", isa))
    sparse = ops.q8_pack(weight_of(64, 256, zeros=0.95), weight_scale, None, "auto", isa)
    assert ops.q8_describe(sparse) == f"{isa} sparse"
    assert len(sparse) < 64 * 256 / 2


def test_q8_describe():
    weight, weight_scale, _ = layer(16, 64)
    for isa in SUPPORTED:
        dense = ops.q8_describe(ops.q8_pack(weight, weight_scale, None, "dense", isa))
        assert dense == (f"{isa} dense pairs" if isa == "avx2" else f"{isa} dense")
        seven_bits = ops.q8_pack(weight_of(16, 64, 7), weight_scale, None, "dense", isa)
        assert ops.q8_describe(seven_bits) == f"{isa} dense"
        assert ops.q8_describe(ops.q8_pack(weight, weight_scale, None, "sparse", isa)) == f"{isa} sparse"
    assert ops.q8_describe(ops.q8_pack(weight, weight_scale)).split()[0] in SUPPORTED


def zero_columns(weight):
    weight[:, ::3] = 0


def zero_rows(weight):
    weight[4:9] = 0


def zero_block_of_rows(weight):
    weight[4:8] = 0


@every_isa
@every_kind
@pytest.mark.parametrize("erase", [zero_columns, zero_rows, zero_block_of_rows, torch.Tensor.zero_])
def test_zeros_in_the_weight(isa, kind, erase):
    weight, weight_scale, bias = layer()
    erase(weight)
    packed = ops.q8_pack(weight, weight_scale, bias, kind, isa)
    assert torch.equal(ops.q8_unpack(packed), weight)
    for m in (1, 4, 40):
        x = torch.randn(m, 70)
        assert torch.equal(ops.q8_linear_packed(x, packed, 21), ops.q8_linear(x, weight, weight_scale, bias))
