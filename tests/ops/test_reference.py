import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inc_hf import ops
from inc_hf.ops import library

# float32 keeps 24 bits, and the epilogue (convert, scale twice, add the bias) rounds a handful of times.
FLOAT32_EPILOGUE = 8 * torch.finfo(torch.float32).eps


def random_codes(*shape, low=-128, high=127):
    return torch.randint(low, high + 1, shape, dtype=torch.int8)


def exact(a, w):
    return (a.long() @ w.long().T).to(torch.int32)


def linear_float64(x, scale, zero_point, weight, weight_scale, bias, num_bits=8):
    """The layer in float64, from the integers: independent of how `q8_linear` orders its operations."""
    codes = ops.quantize_activation(x, scale, zero_point, num_bits).double()
    values = (codes - (0 if zero_point is None else zero_point.double())) * scale.double()
    weights = weight.double() * weight_scale.double().reshape(-1, 1)
    y = values @ weights.T
    magnitude = values.abs() @ weights.abs().T
    if bias is not None:
        y, magnitude = y + bias.double(), magnitude + bias.double().abs()
    return y, magnitude


def layer(in_features=70, out_features=9, per_channel=True):
    weight = random_codes(out_features, in_features, low=-127)
    weight_scale = torch.rand(out_features, 1) * 0.02 + 1e-3 if per_channel else torch.tensor([0.01])
    return weight, weight_scale, torch.randn(out_features)


STATIC = {
    "dynamic": {},
    "static asymmetric": {
        "input_scale": torch.tensor([0.021]),
        "input_zero_point": torch.tensor([-17], dtype=torch.int8),
    },
    "static symmetric": {"input_scale": torch.tensor([0.03])},
}
every_activation = pytest.mark.parametrize("activation", STATIC.values(), ids=STATIC)


@pytest.mark.parametrize(
    "num_bits, low, high, weight",
    [(8, -128, 127, 127), (7, -64, 63, 63), (4, -8, 7, 7), (2, -2, 1, 1)],
    ids=["8 bits", "7 bits", "4 bits", "2 bits"],
)
def test_ranges(num_bits, low, high, weight):
    assert ops.activation_range(num_bits) == (low, high)
    assert ops.weight_qmax(num_bits) == weight


@pytest.mark.parametrize(
    "capabilities, bits",
    [
        ({"architecture": "x86_64", "avx2": True, "avx512_vnni": False}, 7),
        ({"architecture": "x86_64", "avx2": True, "avx512_vnni": True}, 8),
        ({"architecture": "x86_64", "avx2": True, "avx_vnni": True}, 8),
        ({"architecture": "x86_64", "amx_int8": True}, 8),
        ({"architecture": "arm64", "neon": True, "dot": True}, 8),
        ({"architecture": "arm64", "neon": True, "dot": False}, 7),
        ({}, 7),
    ],
    ids=["avx2", "avx512 vnni", "avx vnni", "amx", "arm dot product", "old arm", "unknown"],
)
def test_default_weight_bits_follow_the_cpu(monkeypatch, capabilities, bits):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    monkeypatch.setattr(library, "isa", lambda: "reference")
    assert ops.has_vnni() == (bits == 8)
    assert ops.default_weight_bits() == bits
    monkeypatch.setattr(library, "isa", lambda: "avx2")  # chosen where there is more, too
    assert ops.default_weight_bits() == 7


DEPTHS = st.one_of(st.integers(1, 2100), st.sampled_from([1023, 1024, 1025, 2047, 2048, 2049, 8192]))


@given(st.integers(0, 17), st.integers(1, 9), DEPTHS, st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_int_matmul_is_exact(tokens, out_features, depth, seed):
    torch.manual_seed(seed)
    a, w = random_codes(tokens, depth), random_codes(out_features, depth)
    total = ops.int_matmul(a, w)
    assert total.dtype == torch.int32 and total.shape == (tokens, out_features)
    assert torch.equal(total, exact(a, w))


EXTREMES = {"lowest": (-128, -128), "highest": (127, 127), "opposite": (-128, 127), "symmetric": (-127, 127)}


@pytest.mark.parametrize("depth", [1, 1023, 1024, 1025, 8192])
@pytest.mark.parametrize("a_value, w_value", EXTREMES.values(), ids=EXTREMES)
def test_int_matmul_is_exact_at_the_extremes(a_value, w_value, depth):
    a, w = torch.full((3, depth), a_value, dtype=torch.int8), torch.full((2, depth), w_value, dtype=torch.int8)
    assert torch.equal(ops.int_matmul(a, w), torch.full((3, 2), a_value * w_value * depth, dtype=torch.int32))


@pytest.mark.parametrize("depth", [1024, 1025, 8192])
def test_int_matmul_is_exact_for_odd_sums_and_changing_signs(depth):
    signs = torch.where(torch.arange(depth) % 3 == 0, -127, 127).to(torch.int8)
    w = torch.stack([signs, -signs, torch.full_like(signs, 127)])
    w[:, 0] = 126
    assert torch.equal(ops.int_matmul(signs[None], w), exact(signs[None], w))


def test_int_matmul_is_exact_beyond_what_float32_can_count():
    """1024 products make 2^24, and one odd product more would be lost in float32."""
    row = torch.tensor([-128] * 1024 + [127], dtype=torch.int8)
    assert ops.int_matmul(row[None], row[None]).item() == 2**24 + 127**2


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_int_matmul_is_exact_at_every_matmul_precision(precision):
    a, w = random_codes(5, 1500, low=100), random_codes(7, 1500, low=100)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        assert torch.equal(ops.int_matmul(a, w), exact(a, w))
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_int_matmul_is_exact_under_autocast(dtype):
    a, w = random_codes(5, 1500, low=100), random_codes(7, 1500, low=100)
    with torch.autocast("cpu", dtype=dtype):
        assert torch.equal(ops.int_matmul(a, w), exact(a, w))


def test_int_matmul_of_strided_operands():
    a, w = random_codes(2100, 6).T, random_codes(4, 4200)[:, ::2]
    assert torch.equal(ops.int_matmul(a, w), exact(a, w))


SCALE_DTYPES = [torch.bfloat16, torch.float32]


@pytest.mark.parametrize("scale_dtype", SCALE_DTYPES, ids=str)
@pytest.mark.parametrize("num_bits, half_range", [(8, 127.5), (7, 63.5), (4, 7.5)], ids=["8", "7", "4"])
def test_per_token_scale_formula(num_bits, half_range, scale_dtype):
    x = torch.randn(3, 5, 33)
    scale = ops.per_token_scale(x, num_bits, scale_dtype)
    assert scale.dtype == torch.float32 and scale.shape == (3, 5, 1)
    assert torch.equal(scale, (x.abs().amax(-1, keepdim=True) / half_range).to(scale_dtype).float())


@pytest.mark.parametrize("scale_dtype", SCALE_DTYPES, ids=str)
def test_per_token_scale_is_never_zero(scale_dtype):
    x = torch.stack([torch.zeros(4), torch.full((4,), 1e-45), torch.full((4,), -2.0)])
    eps = torch.finfo(scale_dtype).eps
    expected = torch.tensor([[eps], [eps], [2 / 127.5]])
    torch.testing.assert_close(ops.per_token_scale(x, scale_dtype=scale_dtype), expected, rtol=4e-3, atol=0)


def test_rounding_errors_of_the_input_rarely_decide_an_integer():
    """Rounded scales keep -amax off the border between -127 and -128, where unrounded ones put it."""
    x = -torch.rand(20000, 1) - 0.5
    neighbour = x * (1 + 1e-6 * torch.randn_like(x))
    changed = {}
    for dtype in SCALE_DTYPES:
        codes = [ops.quantize_activation(y, ops.per_token_scale(y, scale_dtype=dtype)) for y in (x, neighbour)]
        changed[dtype] = float((codes[0] != codes[1]).double().mean())
    assert changed[torch.float32] > 0.02
    assert changed[torch.bfloat16] < 0.002


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_per_token_scale_of_half_precision_is_computed_in_float32(dtype):
    x = torch.randn(4, 33).to(dtype)
    scale = ops.per_token_scale(x)
    assert scale.dtype == torch.float32 and torch.equal(scale, ops.per_token_scale(x.float()))


def test_quantize_activation_rounds_half_to_even():
    x = torch.tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.49, -3.51])
    codes = ops.quantize_activation(x, torch.tensor([1.0]))
    assert codes.dtype == torch.int8
    assert codes.tolist() == [-2, -2, 0, 0, 2, 2, 3, -4]


@pytest.mark.parametrize("num_bits, low, high", [(8, -128, 127), (7, -64, 63), (4, -8, 7)], ids=["8", "7", "4"])
def test_quantize_activation_clamps(num_bits, low, high):
    x = torch.tensor([-1e30, low - 0.6, low + 0.0, high + 0.0, high + 0.6, 1e30, float("inf"), -float("inf")])
    codes = ops.quantize_activation(x, torch.tensor([1.0]), num_bits=num_bits)
    assert codes.tolist() == [low, low, low, high, high, high, high, low]


def test_quantize_activation_turns_nan_into_zero():
    assert ops.quantize_activation(torch.tensor([float("nan"), 3.0]), torch.tensor([1.0])).tolist() == [0, 3]


def test_quantize_activation_adds_the_zero_point_before_it_rounds_and_clamps():
    x, zero_point = torch.tensor([0.0, 0.5, 1.5, -120.0, 200.0]), torch.tensor([-9], dtype=torch.int8)
    # -9 + 0.5 = -8.5 and -9 + 1.5 = -7.5 both round to the even -8.
    assert ops.quantize_activation(x, torch.tensor([1.0]), zero_point).tolist() == [-9, -8, -8, -128, 127]


def test_quantize_activation_leaves_its_input():
    x = torch.randn(3, 4)
    before = x.clone()
    ops.quantize_activation(x, torch.tensor([0.1]), torch.tensor([3], dtype=torch.int8))
    assert torch.equal(x, before)


@every_activation
@pytest.mark.parametrize("per_channel", [True, False], ids=["per channel", "per tensor"])
@pytest.mark.parametrize("has_bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize(
    "shape", [(1, 64), (5, 71), (3, 7, 1025), (13,)], ids=["row", "ragged", "batch of tokens", "vector"]
)
def test_q8_linear_against_float64(shape, has_bias, per_channel, activation):
    x = torch.randn(shape) * 2
    weight, weight_scale, bias = layer(shape[-1], 9, per_channel)
    bias = bias if has_bias else None
    y = ops.q8_linear(x, weight, weight_scale, bias, **activation)
    assert y.dtype == torch.float32 and y.shape == (*shape[:-1], 9)
    scale = activation.get("input_scale", ops.per_token_scale(x))
    expected, magnitude = linear_float64(x, scale, activation.get("input_zero_point"), weight, weight_scale, bias)
    # Relative to the largest possible sum, since terms that cancel leave the rounding of the bias and the scale.
    assert ((y.double() - expected).abs() <= FLOAT32_EPILOGUE * magnitude).all()


def test_q8_linear_refuses_a_float_weight():
    """That of a quantized module is its `codes`; its `weight` is float."""
    with pytest.raises(ValueError, match="must be int8, got torch.float32"):
        ops.q8_linear(torch.randn(3, 8), torch.randn(4, 8), torch.ones(4, 1))


@pytest.mark.parametrize("num_bits", [7, 4])
def test_q8_linear_with_fewer_bits(num_bits):
    x, (weight, weight_scale, bias) = torch.randn(6, 40), layer(40)
    y = ops.q8_linear(x, weight, weight_scale, bias, num_bits=num_bits)
    scale = ops.per_token_scale(x, num_bits)
    expected, magnitude = linear_float64(x, scale, None, weight, weight_scale, bias, num_bits)
    assert ((y.double() - expected).abs() <= FLOAT32_EPILOGUE * magnitude).all()


def test_q8_linear_approximates_the_float_layer():
    x, (weight, weight_scale, bias) = torch.randn(50, 256), layer(256, 32)
    y = ops.q8_linear(x, weight, weight_scale, bias)
    expected = torch.nn.functional.linear(x, weight * weight_scale, bias)
    # The error of a rounded row is scale / sqrt(12) per value, below 1 % of a normal row's own spread.
    assert (y - expected).norm() < 0.01 * expected.norm()


@every_activation
@pytest.mark.parametrize("poison", [float("nan"), float("inf"), -float("inf")], ids=str)
def test_a_bad_row_is_nan_and_alone(poison, activation):
    x, (weight, weight_scale, bias) = torch.randn(2, 4, 70), layer()
    clean = ops.q8_linear(x, weight, weight_scale, bias, **activation)
    x[0, 2, 11] = poison
    y = ops.q8_linear(x, weight, weight_scale, bias, **activation)
    assert y[0, 2].isnan().all()
    keep = torch.ones(2, 4, dtype=torch.bool)
    keep[0, 2] = False
    assert torch.equal(y[keep], clean[keep])


@every_activation
@pytest.mark.parametrize("depth", [37, 768, 3072])
def test_a_row_does_not_depend_on_its_batch(depth, activation):
    x, (weight, weight_scale, bias) = torch.randn(33, depth), layer(depth, 31)
    whole = ops.q8_linear(x, weight, weight_scale, bias, **activation)
    for size in (1, 2, 3, 16):
        parts = [ops.q8_linear(part, weight, weight_scale, bias, **activation) for part in x.split(size)]
        assert torch.equal(torch.cat(parts), whole), f"batches of {size}"
    padded = torch.cat([torch.zeros(3, depth), x, torch.full((2, depth), 1e6)])
    assert torch.equal(ops.q8_linear(padded, weight, weight_scale, bias, **activation)[3:-2], whole)
    shuffled = torch.randperm(33)
    assert torch.equal(ops.q8_linear(x[shuffled], weight, weight_scale, bias, **activation), whole[shuffled])


@every_activation
@pytest.mark.parametrize("shape", [(0, 70), (2, 0, 70)], ids=["no rows", "empty sequences"])
def test_nothing_in_nothing_out(shape, activation):
    y = ops.q8_linear(torch.randn(shape), *layer(), **activation)
    assert y.shape == (*shape[:-1], 9) and y.dtype == torch.float32


@every_activation
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_only_rounds_the_result(dtype, activation):
    x, (weight, weight_scale, bias) = torch.randn(5, 70).to(dtype), layer()
    y = ops.q8_linear(x, weight, weight_scale, bias.to(dtype), **activation)
    wide = ops.q8_linear(x.float(), weight, weight_scale, bias.to(dtype).float(), **activation)
    assert y.dtype == dtype
    assert torch.equal(y, wide.to(dtype))


@every_activation
def test_strided_inputs(activation):
    weight, weight_scale, bias = layer()
    x = torch.randn(70, 5, 2).permute(2, 1, 0)
    wide_weight = torch.stack([weight, weight], -1).reshape(9, 140)[:, ::2]
    assert not x.is_contiguous() and not wide_weight.is_contiguous()
    expected = ops.q8_linear(x.contiguous(), weight, weight_scale, bias, **activation)
    assert torch.equal(ops.q8_linear(x, wide_weight, weight_scale, bias, **activation), expected)


@every_activation
def test_the_input_is_left_as_it_is(activation):
    x, bias = torch.randn(5, 70), torch.randn(9)
    arguments = {"weight": layer()[0], "weight_scale": layer()[1], **activation}
    copies = [value.clone() for value in (x, bias, *arguments.values())]
    ops.q8_linear(x, bias=bias, **arguments)
    assert all(torch.equal(a, b) for a, b in zip((x, bias, *arguments.values()), copies, strict=True))


def test_zeros_in_zeros_out():
    weight, weight_scale, bias = layer()
    assert torch.equal(ops.q8_linear(torch.zeros(3, 70), weight, weight_scale, bias), bias.expand(3, 9))


@pytest.mark.parametrize("scale_dtype", SCALE_DTYPES, ids=str)
@pytest.mark.parametrize("num_bits", [8, 7, 4])
def test_dynamic_integers_are_those_of_compressed_tensors(num_bits, scale_dtype):
    pytest.importorskip("compressed_tensors")
    from compressed_tensors.quantization import QuantizationArgs, fake_quantize
    from compressed_tensors.quantization.lifecycle.forward import quantize
    from compressed_tensors.quantization.utils import compute_dynamic_scales_and_zp

    stored_dtype = None if scale_dtype == torch.float32 else str(scale_dtype)
    args = QuantizationArgs(
        num_bits=num_bits, symmetric=True, strategy="token", dynamic=True, scale_dtype=stored_dtype
    )
    x = torch.randn(4, 50, 257) * torch.logspace(-6, 6, 50)[:, None]
    x[1, 3] = 0
    scale, zero_point = compute_dynamic_scales_and_zp(x, args, module=None)
    own_scale = ops.per_token_scale(x, num_bits, scale_dtype)
    assert torch.equal(own_scale, scale)
    codes = ops.quantize_activation(x, own_scale, num_bits=num_bits)
    assert torch.equal(codes, quantize(x, scale, zero_point, args, dtype=torch.int8))
    assert torch.equal(codes * own_scale, fake_quantize(x, scale, zero_point, args))


@pytest.mark.parametrize("num_bits", [8, 7, 4])
def test_static_integers_are_those_of_compressed_tensors(num_bits):
    pytest.importorskip("compressed_tensors")
    from compressed_tensors.quantization import QuantizationArgs, fake_quantize
    from compressed_tensors.quantization.lifecycle.forward import quantize
    from compressed_tensors.quantization.utils import calculate_qparams

    args = QuantizationArgs(num_bits=num_bits, symmetric=False, strategy="tensor", dynamic=False)
    x = torch.randn(4, 50, 257) + 0.7
    scale, zero_point = calculate_qparams(torch.tensor([-1.3]), torch.tensor([2.9]), args)
    codes = ops.quantize_activation(x, scale, zero_point, num_bits)
    assert codes.unique().numel() == 2**num_bits
    assert torch.equal(codes, quantize(x, scale, zero_point, args, dtype=torch.int8))
    assert torch.equal((codes.float() - zero_point) * scale, fake_quantize(x, scale, zero_point, args))
