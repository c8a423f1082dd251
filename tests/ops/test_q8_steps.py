"""The two halves of a quantized layer, and the op on a weight that is not packed."""

import subprocess
import sys

import pytest
import torch

from inc_hf import ops

pytestmark = pytest.mark.skipif(not ops.is_available(), reason=f"no native kernels: {ops.why_unavailable()}")

STATIC = {
    "dynamic": (None, None),
    "static": (torch.tensor([0.021]), None),
    "static asymmetric": (torch.tensor([0.017]), torch.tensor([-19], dtype=torch.int8)),
}
every_quantizer = pytest.mark.parametrize("scale, zero_point", STATIC.values(), ids=STATIC)


def layer(n=21, k=70):
    weight = torch.randint(-127, 128, (n, k), dtype=torch.int8)
    return weight, torch.rand(n, 1) * 0.02 + 1e-3, torch.randn(n)


@every_quantizer
@pytest.mark.parametrize("num_bits", [8, 7, 4, 2])
@pytest.mark.parametrize("scale_dtype", [torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("shape", [(1,), (70,), (5, 64), (2, 3, 129), (0, 9)], ids=str)
def test_q8_quantize_is_its_twin(shape, scale_dtype, num_bits, scale, zero_point):
    x = torch.randn(shape) * 2
    codes, scales = ops.q8_quantize(x, scale, zero_point, num_bits, scale_dtype)
    k, padded = shape[-1], (shape[-1] + 15) // 16 * 16
    assert codes.dtype == torch.uint8 and codes.shape == (*shape[:-1], padded)
    assert scales.dtype == torch.float32 and scales.shape == (*shape[:-1], 1)
    used = ops.per_token_scale(x, num_bits, scale_dtype) if scale is None else scale.expand(*shape[:-1], 1)
    assert torch.equal(scales, used)
    expected = ops.quantize_activation(x, used, zero_point, num_bits)
    assert torch.equal(codes[..., :k].int() - 128, expected.int())
    assert (codes[..., k:].int() - 128 == (0 if zero_point is None else zero_point)).all()


@every_quantizer
@pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf], ids=str)
def test_the_scale_of_a_bad_row_is_nan(poison, scale, zero_point):
    x = torch.randn(4, 70)
    clean = ops.q8_quantize(x, scale, zero_point)
    x[2, 69] = poison
    codes, scales = ops.q8_quantize(x, scale, zero_point)
    assert scales[2].isnan()
    others = torch.tensor([0, 1, 3])
    assert torch.equal(codes[others], clean[0][others]) and torch.equal(scales[others], clean[1][others])


def test_rows_without_features_do_not_crash():
    """In a process of its own: a division by zero would end it."""
    code = """
import torch
from inc_hf import ops
try:
    codes, scales = ops.q8_quantize(torch.empty(3, 0))
    assert codes.shape == (3, 0) and scales.shape == (3, 1) and scales.isfinite().all()
except ValueError:
    pass
"""
    done = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-500:]}"


@every_quantizer
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_quantize_then_multiply_is_the_whole_layer(kind, scale, zero_point):
    (weight, weight_scale, bias), x, residual = layer(), torch.randn(2, 7, 70), torch.randn(2, 7, 21)
    packed = ops.q8_pack(weight, weight_scale, bias, kind)
    codes, scales = ops.q8_quantize(x, scale, zero_point)
    zero = 0 if zero_point is None else int(zero_point)
    for activation in ops.ACTIVATIONS:
        y = ops.q8_matmul(codes, scales, packed, 21, zero, activation, residual)
        assert torch.equal(
            y, ops.q8_linear_packed(x, packed, 21, scale, zero_point, 8, residual=residual, activation=activation)
        )
    accumulator = ops.q8_accumulate(codes, packed, 21, zero)
    assert torch.equal(ops.q8_matmul(codes, scales, packed, 21, zero), accumulator * scales * weight_scale.T + bias)


@every_quantizer
@pytest.mark.parametrize("activation", ops.ACTIVATIONS)
@pytest.mark.parametrize("isa", ops.supported_isas())
def test_a_result_rounded_to_codes_again(isa, activation, scale, zero_point):
    (weight, weight_scale, bias), x = layer(), torch.randn(9, 70) * 3
    packed = ops.q8_pack(weight, weight_scale, bias, isa=isa)
    codes, scales = ops.q8_quantize(x)
    y = ops.q8_matmul(codes, scales, packed, 21, 0, activation)
    out_scale = torch.tensor([float(y.abs().max()) / 100]) if scale is None else scale
    rounded = ops.q8_matmul(codes, scales, packed, 21, 0, activation, None, out_scale, zero_point)
    assert rounded.dtype == torch.uint8 and rounded.shape == (9, 32)
    assert torch.equal(rounded[:, :21].int() - 128, ops.quantize_activation(y, out_scale, zero_point).int())
    assert (rounded[:, 21:].int() - 128 == (0 if zero_point is None else zero_point)).all()


def test_codes_feed_the_next_layer():
    first, second, x = layer(40, 70), layer(21, 40), torch.randn(9, 70)
    packed = [ops.q8_pack(*arguments) for arguments in (first, second)]
    scale, zero_point = torch.tensor([0.4]), torch.tensor([11], dtype=torch.int8)
    hidden = ops.q8_linear_packed(x, packed[0], 40, activation="gelu")
    codes = ops.q8_matmul(*ops.q8_quantize(x), packed[0], 40, 0, "gelu", None, scale, zero_point)
    y = ops.q8_matmul(codes, scale.expand(9, 1), packed[1], 21, 11)
    assert torch.equal(y, ops.q8_linear(hidden, *second, scale, zero_point))


@every_quantizer
def test_a_bad_row_rounds_as_its_twin_does(scale, zero_point):
    (weight, weight_scale, bias), x = layer(), torch.randn(3, 70)
    x[1, 5] = torch.nan
    packed, out_scale = ops.q8_pack(weight, weight_scale, bias), torch.tensor([0.1])
    codes, scales = ops.q8_quantize(x)
    rounded = ops.q8_matmul(codes, scales, packed, 21, out_scale=out_scale, out_zero_point=zero_point)
    y = ops.q8_matmul(codes, scales, packed, 21)
    assert y[1].isnan().all() and y[[0, 2]].isfinite().all()
    assert torch.equal(rounded[:, :21].int() - 128, ops.quantize_activation(y, out_scale, zero_point).int())


@every_quantizer
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_portable_is_the_twin(dtype, scale, zero_point):
    (weight, weight_scale, bias), x = layer(), torch.randn(2, 5, 70).to(dtype)
    for num_bits in (8, 4):
        y = ops.q8_linear_portable(x, weight, weight_scale, bias.to(dtype), scale, zero_point, num_bits)
        expected = ops.q8_linear(x, weight, weight_scale, bias.to(dtype), scale, zero_point, num_bits)
        assert y.dtype == dtype and torch.equal(y, expected)
    y = ops.q8_linear_portable(x, weight.T.contiguous().T, weight_scale, activation="relu")
    assert torch.equal(y, ops.q8_linear(x, weight, weight_scale, activation="relu"))


@pytest.mark.parametrize("scale_dtype", [torch.bfloat16, torch.float32, torch.float16], ids=str)
def test_every_scale_dtype_is_that_of_the_twin_or_refused(scale_dtype):
    (weight, weight_scale, bias), x = layer(), torch.randn(5, 70)
    try:
        y = ops.q8_linear_packed(x, ops.q8_pack(weight, weight_scale, bias), 21, scale_dtype=scale_dtype)
    except ValueError:
        return
    assert torch.equal(y, ops.q8_linear(x, weight, weight_scale, bias, scale_dtype=scale_dtype))
