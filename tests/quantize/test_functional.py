import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inc_hf.quantize import functional
from inc_hf.quantize.functional import activation_qparams, dequantize_weight, quantize_weight

QMAX = {8: 127, 7: 63, 4: 7, 2: 1}
every_width = pytest.mark.parametrize("num_bits", QMAX)
every_granularity = pytest.mark.parametrize("per_channel", [True, False], ids=["per channel", "per tensor"])
SHAPES = {"linear": (9, 33), "embedding": (20, 5), "conv1d": (6, 3, 5), "conv2d": (8, 2, 3, 3), "bias-like": (7, 1)}


def column(scale, weight):
    """The scale in a shape that broadcasts over `weight`."""
    return scale.reshape(-1, *[1] * (weight.ndim - 1)) if scale.numel() > 1 else scale.reshape(())


def fake_quantized(x, scale, zero_point, num_bits=8):
    zero_point = 0 if zero_point is None else zero_point.item()
    low, high = -(2 ** (num_bits - 1)), 2 ** (num_bits - 1) - 1
    return ((x / scale + zero_point).round().clamp(low, high) - zero_point) * scale


@every_width
@every_granularity
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_weight_is_within_half_a_step(shape, per_channel, num_bits):
    weight = torch.randn(shape) * torch.logspace(-3, 2, shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    codes, scale = quantize_weight(weight, num_bits, per_channel)
    assert codes.dtype == torch.int8 and codes.shape == weight.shape
    assert scale.dtype == torch.float32 and scale.shape == ((shape[0], 1) if per_channel else (1,))
    assert codes.abs().max() == QMAX[num_bits]
    step = column(scale, weight)
    # Half a step, and float32's rounding of `weight / scale` and of `codes * scale`.
    error = (weight.double() - dequantize_weight(codes, scale).double()).abs()
    assert (error <= step.double() * 0.5 + 2e-7 * weight.abs()).all()


@every_width
def test_weight_scale_formula(num_bits):
    weight = torch.randn(5, 12)
    amax = weight.abs().amax(1, keepdim=True)
    assert torch.equal(quantize_weight(weight, num_bits)[1], amax / QMAX[num_bits])
    assert torch.equal(quantize_weight(weight, num_bits, per_channel=False)[1], amax.max()[None] / QMAX[num_bits])


def test_weight_rounds_half_to_even_and_is_symmetric():
    weight = torch.tensor([[127.0, -127.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5]])
    assert quantize_weight(weight)[0].tolist() == [[127, -127, 0, 2, 2, 0, -2, -2]]


@every_width
@every_granularity
def test_zeros_stay_zero(per_channel, num_bits):
    weight = torch.randn(16, 24)
    pruned = torch.rand(16, 24) < 0.8
    weight[pruned] = 0
    codes, scale = quantize_weight(weight, num_bits, per_channel)
    assert not codes[pruned].any()
    assert (dequantize_weight(codes, scale)[pruned] == 0).all()


@every_granularity
@pytest.mark.parametrize("rows", [[2], [0, 1, 2, 3]], ids=["one row", "all rows"])
def test_zero_rows(rows, per_channel):
    weight = torch.randn(4, 6)
    weight[rows] = 0
    codes, scale = quantize_weight(weight, per_channel=per_channel)
    assert (scale > 0).all() and scale.isfinite().all()
    assert (dequantize_weight(codes, scale)[rows] == 0).all()


def test_a_row_does_not_depend_on_the_others():
    weight = torch.randn(8, 20)
    codes, scale = quantize_weight(weight)
    alone = [quantize_weight(row) for row in weight.split(1)]
    assert torch.equal(torch.cat([part for part, _ in alone]), codes)
    assert torch.equal(torch.cat([part for _, part in alone]), scale)


@every_granularity
@pytest.mark.parametrize("poison", [float("nan"), float("inf"), -float("inf")], ids=str)
def test_weight_that_is_not_finite_is_refused(poison, per_channel):
    weight = torch.randn(4, 6)
    weight[3, 2] = poison
    with pytest.raises(ValueError, match="The weight has NaN or infinite values.*check the FP32 model"):
        quantize_weight(weight, per_channel=per_channel)


@every_granularity
@pytest.mark.parametrize("elements", [1, 30, 60, 61, 10**6], ids=["row by row", "one row", "two rows", "61", "whole"])
def test_slices_do_not_change_the_result(monkeypatch, elements, per_channel):
    weight = torch.randn(7, 30)
    whole = quantize_weight(weight, per_channel=per_channel)
    monkeypatch.setattr(functional, "SLICE_ELEMENTS", elements)
    sliced = quantize_weight(weight, per_channel=per_channel)
    assert all(torch.equal(a, b) for a, b in zip(sliced, whole, strict=True))


@every_granularity
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_weights_are_computed_in_float32(dtype, per_channel):
    weight = torch.randn(9, 33).to(dtype)
    half, wide = quantize_weight(weight, 8, per_channel), quantize_weight(weight.float(), 8, per_channel)
    assert half[1].dtype == torch.float32
    assert all(torch.equal(a, b) for a, b in zip(half, wide, strict=True))
    back = dequantize_weight(*half, dtype)
    assert back.dtype == dtype
    assert torch.equal(back, dequantize_weight(*wide).to(dtype))


def test_weights_at_the_end_of_the_float_range():
    largest = torch.finfo(torch.float16).max
    codes, scale = quantize_weight(torch.tensor([[largest, -largest, 1.0]], dtype=torch.float16))
    assert codes.tolist() == [[127, -127, 0]]
    assert dequantize_weight(codes, scale)[0, 0].item() == pytest.approx(largest, rel=1e-6)


@given(st.integers(1, 2000), st.sampled_from(sorted(QMAX)), st.booleans())
@settings(max_examples=60, deadline=None)
def test_denormal_weights_stay_in_range(units, num_bits, per_channel):
    smallest = 2.0**-149
    weight = torch.tensor([[units * smallest, -units * smallest, smallest, 0.0]])
    codes, scale = quantize_weight(weight, num_bits, per_channel)
    assert codes.abs().max() <= QMAX[num_bits]
    assert (codes.sign() * weight.sign() >= 0).all()
    assert dequantize_weight(codes, scale).isfinite().all()


def test_strided_and_trainable_weights():
    weight = torch.nn.Parameter(torch.randn(6, 9)).T
    codes, scale = quantize_weight(weight)
    expected = quantize_weight(weight.detach().contiguous())
    assert torch.equal(codes, expected[0]) and torch.equal(scale, expected[1])
    assert not codes.requires_grad and not scale.requires_grad


def test_weight_without_inputs():
    codes, scale = quantize_weight(torch.empty(3, 0))
    assert codes.shape == (3, 0) and scale.shape == (3, 1)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_dequantize_multiplies_each_row(shape):
    codes = torch.randint(-127, 128, shape, dtype=torch.int8)
    scale = torch.rand(shape[0], 1)
    rows = [codes[i].float() * scale[i, 0] for i in range(shape[0])]
    assert torch.equal(dequantize_weight(codes, scale), torch.stack(rows))
    assert torch.equal(dequantize_weight(codes, torch.tensor([0.25])), codes.float() * 0.25)


RANGES = {
    "around zero": (-1.3, 2.9),
    "positive": (0.5, 2.0),
    "negative": (-3.0, -1.0),
    "from zero": (0.0, 6.0),
    "to zero": (-0.17, 0.0),
    "tiny": (-1e-3, 2e-3),
    "huge": (-3e38, 3e38),
    "lopsided": (-1e-3, 1e4),
}
every_range = pytest.mark.parametrize("low, high", RANGES.values(), ids=RANGES)


@every_range
@pytest.mark.parametrize("num_bits", [8, 7, 4])
def test_asymmetric_qparams_cover_the_range_and_zero(low, high, num_bits):
    scale, zero_point = activation_qparams(low, high, symmetric=False, num_bits=num_bits)
    assert scale.dtype == torch.float32 and scale.shape == (1,)
    assert zero_point.dtype == torch.int8 and zero_point.shape == (1,)
    qmin, qmax = -(2 ** (num_bits - 1)), 2 ** (num_bits - 1) - 1
    assert qmin <= zero_point.item() <= qmax
    x = torch.tensor([0.0, low, high])
    back = fake_quantized(x, scale, zero_point, num_bits)
    assert back[0] == 0
    # An end of the range is off by half a step for its own rounding and half a step for the zero point's.
    assert ((back - x).abs().double() <= 1.0001 * scale.double()).all()
    assert scale.item() == pytest.approx((max(high, 0) - min(low, 0)) / (2**num_bits - 1), rel=1e-6)


@every_range
@pytest.mark.parametrize("num_bits", [8, 7, 4])
def test_symmetric_qparams(low, high, num_bits):
    scale, zero_point = activation_qparams(low, high, symmetric=True, num_bits=num_bits)
    assert zero_point is None
    assert scale.dtype == torch.float32 and scale.shape == (1,)
    assert scale.item() == pytest.approx(max(abs(low), abs(high)) / (2 ** (num_bits - 1) - 1), rel=1e-6)
    x = torch.tensor([0.0, low, high])
    # 2^-22 of a step for the float32 rounding of the division and the multiplication.
    assert ((fake_quantized(x, scale, None, num_bits) - x).abs().double() <= (0.5 + 2**-15) * scale.double()).all()


@pytest.mark.parametrize(
    "low, high, expected",
    [(0.0, 5.0, -128), (1.0, 5.0, -128), (-5.0, 0.0, 127), (-5.0, -1.0, 127), (-3.0, 1.0, 63), (-128.0, 127.0, 0)],
    ids=["from zero", "positive", "to zero", "negative", "mixed", "integers"],
)
def test_zero_points(low, high, expected):
    assert activation_qparams(low, high, symmetric=False)[1].item() == expected


@pytest.mark.parametrize("symmetric", [True, False], ids=["symmetric", "asymmetric"])
@pytest.mark.parametrize("value", [0.0, 1e-45, -1e-45, 1e-12], ids=str)
def test_a_range_without_width_still_has_a_scale(value, symmetric):
    scale, zero_point = activation_qparams(value, value, symmetric)
    assert scale.item() == torch.finfo(torch.float32).eps
    assert fake_quantized(torch.zeros(1), scale, zero_point).item() == 0


@pytest.mark.parametrize("value", [3.0, -0.2], ids=["positive", "negative"])
@pytest.mark.parametrize("symmetric", [True, False], ids=["symmetric", "asymmetric"])
def test_a_constant_is_represented(value, symmetric):
    scale, zero_point = activation_qparams(value, value, symmetric)
    assert fake_quantized(torch.tensor([value]), scale, zero_point).item() == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("low, high", [(-1.3, 2.9), (0.5, 2.0), (-3.0, -1.0), (-0.7, 0.2)], ids=str)
def test_asymmetric_qparams_are_those_of_compressed_tensors(low, high):
    pytest.importorskip("compressed_tensors")
    from compressed_tensors.quantization import QuantizationArgs
    from compressed_tensors.quantization.utils import calculate_qparams

    args = QuantizationArgs(num_bits=8, symmetric=False, strategy="tensor", dynamic=False)
    theirs = calculate_qparams(torch.tensor([low]), torch.tensor([high]), args)
    scale, zero_point = activation_qparams(low, high, symmetric=False)
    torch.testing.assert_close(scale, theirs[0], rtol=1e-6, atol=0)
    assert torch.equal(zero_point, theirs[1].to(torch.int8))
