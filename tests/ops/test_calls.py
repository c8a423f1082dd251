"""What holds for a call of every native op: memory is given back, tensors of several devices are refused."""

import contextlib
import ctypes
import sys

import pytest
import torch

from inc_hf import ops
from inc_hf.ops import bf16_linear_packed, bf16_pack, bf16_unpack, numbers
from inc_hf.ops.encoder_parts import Encoder, Layer, Norm, Product
from inc_hf.ops.encoder_plan import encoder_plan

pytestmark = pytest.mark.skipif(not ops.is_available(), reason=f"no native kernels: {ops.why_unavailable()}")
NATIVE = torch.ops.inc_hf
LIBC = ctypes.CDLL(None)
GELU = numbers.ACTIVATIONS["gelu"]

X, RESIDUAL = torch.randn(4, 32), torch.randn(4, 40)
WEIGHT, SCALE, BIAS = torch.randint(-127, 128, (40, 32), dtype=torch.int8), torch.rand(40, 1) + 0.1, torch.randn(40)
INPUT_SCALE, ZERO_POINT = torch.ones(1), torch.zeros(1, dtype=torch.int8)
IDS = torch.tensor([0, 39])


def plan_of(up):
    """One layer of an encoder 32 wide, the first half of whose feed-forward is `up`."""
    square, down = (ops.q8_pack(torch.ones(32, k, dtype=torch.int8), torch.ones(1)) for k in (32, 40))
    products = (Product(packed) for packed in (square, square, square, square, up, down))
    layer = Layer(*products, Norm(None, None, 1e-5), Norm(None, None, 1e-5))
    return encoder_plan(Encoder(32, 4, 8, 40, "gelu", 0.3, layers=[layer]))


def calls():
    """Every op with all of its tensors, as `name: (op, arguments)`."""
    packed, bf16 = ops.q8_pack(WEIGHT, SCALE, BIAS), bf16_pack(WEIGHT.bfloat16(), BIAS)
    codes, scales = ops.q8_quantize(X)
    plan = plan_of(packed)
    static = (INPUT_SCALE, ZERO_POINT)
    return {
        "isa": (NATIVE.isa, ()),
        "isa_is_supported": (NATIVE.isa_is_supported, (0,)),
        "isa_is_refused": (NATIVE.isa_is_refused, (0,)),
        "bf16_variant": (NATIVE.bf16_variant, ()),
        "bf16_is_supported": (NATIVE.bf16_is_supported, (0,)),
        "q8_pack": (NATIVE.q8_pack, (WEIGHT, SCALE, BIAS, numbers.IN_USE, 0)),
        "q8_unpack": (NATIVE.q8_unpack, (packed,)),
        "q8_describe": (NATIVE.q8_describe, (packed,)),
        "q8_expand": (NATIVE.q8_expand, (WEIGHT.flatten(), torch.full((10, 4), 255, dtype=torch.uint8), 32, 4)),
        "q8_quantize": (NATIVE.q8_quantize, (X, *static, 8, True)),
        "q8_accumulate": (NATIVE.q8_accumulate, (codes, packed, 0, 40)),
        "q8_matmul": (NATIVE.q8_matmul, (codes, scales, packed, 0, 40, GELU, RESIDUAL, None, None)),
        "q8_matmul to codes": (NATIVE.q8_matmul, (codes, scales, packed, 0, 40, GELU, None, *static)),
        "q8_linear_packed": (NATIVE.q8_linear_packed, (X, packed, *static, 8, True, 40, GELU, RESIDUAL)),
        "q8_linear": (NATIVE.q8_linear, (X, WEIGHT, SCALE, BIAS, *static, 8, True, GELU)),
        "bf16_pack": (NATIVE.bf16_pack, (WEIGHT.bfloat16(), BIAS, numbers.IN_USE)),
        "bf16_unpack": (NATIVE.bf16_unpack, (bf16,)),
        "bf16_unpack_bias": (NATIVE.bf16_unpack_bias, (bf16,)),
        "bf16_describe": (NATIVE.bf16_describe, (bf16,)),
        "bf16_linear_packed": (NATIVE.bf16_linear_packed, (X, bf16, 40, GELU, RESIDUAL)),
        "activate": (NATIVE.activate, (X, GELU)),
        "layer_norm": (NATIVE.layer_norm, (RESIDUAL, RESIDUAL, BIAS, BIAS, 1e-5)),
        "softmax": (NATIVE.softmax, (X, torch.zeros(1, 32))),
        "embed": (NATIVE.embed, (*3 * (IDS, WEIGHT, SCALE), X[0], X[1], 1e-5)),
        "encoder": (NATIVE.encoder, (X, torch.tensor([0, 1, 4]), plan.numbers, plan.weights, False)),
    }


CALLS = calls() if ops.is_available() else {}
# Each tensor but the first, by which the result is made, on another device than the rest.
MIXED = {
    f"{name}, argument {i}": (op, (*arguments[:i], argument.to("meta"), *arguments[i + 1 :]))
    for name, (op, arguments) in CALLS.items()
    for i, argument in enumerate(arguments)
    if i > 0 and isinstance(argument, torch.Tensor)
}
SHAPED = [
    "q8_expand",
    "q8_quantize",
    "q8_accumulate",
    "q8_matmul",
    "q8_matmul to codes",
    "q8_linear_packed",
    "q8_linear",
]
SHAPED += ["bf16_linear_packed", "activate", "layer_norm", "softmax", "embed", "encoder"]


class Mallinfo2(ctypes.Structure):
    """Of glibc; only the fields that are read have their names."""

    _fields_ = [(name, ctypes.c_size_t) for name in "a o s h hblkhd u f uordblks fordblks k".split()]


def bytes_in_use():
    if not hasattr(LIBC, "mallinfo2"):
        pytest.skip(f"no mallinfo2 in the C library of {sys.platform}")
    LIBC.mallinfo2.restype = Mallinfo2
    info = LIBC.mallinfo2()
    return info.uordblks + info.hblkhd


def kept(call, times=500):
    """Bytes that each call keeps; the least of three measurements, since what else Python does takes memory too."""
    found = []
    for _ in range(3):
        before = bytes_in_use()
        for _ in range(times):
            call()
        found.append((bytes_in_use() - before) / times)
    return min(found)


def refused(op, *arguments):
    def attempt():
        with contextlib.suppress(ValueError):
            op(*arguments)
            pytest.fail("was not refused")

    return attempt


@pytest.mark.parametrize("name", CALLS)
def test_a_call_keeps_no_memory(name):
    op, arguments = CALLS[name]
    assert kept(lambda: op(*arguments)) < 1


def test_a_refused_call_keeps_no_memory():
    packed = ops.q8_pack(WEIGHT, SCALE, BIAS)
    assert kept(refused(NATIVE.q8_linear_packed, X, packed, None, None, 8, True, 41, 0, None)) < 1
    assert kept(refused(NATIVE.activate, X, 99)) < 1


@pytest.mark.parametrize("name", SHAPED)
def test_meta_tensors_alone_give_shapes(name):
    op, arguments = CALLS[name]
    found = op(*arguments)
    meta = op(*(a.to("meta") if isinstance(a, torch.Tensor) else a for a in arguments))
    for y, expected in zip(*(y if isinstance(y, tuple) else (y,) for y in (meta, found)), strict=True):
        assert y.is_meta and y.shape == expected.shape and y.dtype == expected.dtype


@pytest.mark.parametrize("name", MIXED)
def test_tensors_of_several_devices_are_refused(name):
    op, arguments = MIXED[name]
    with pytest.raises(ValueError, match="must be on the CPU, got a tensor on meta"):
        op(*arguments)


def test_every_op_is_called_here():
    names = {op.__name__ for op, _ in CALLS.values()}
    registered = {schema.name for schema in torch._C._jit_get_all_schemas() if schema.name.startswith("inc_hf::")}
    assert {f"inc_hf::{name}" for name in names} == registered


def test_the_wrappers_refuse_them_too():
    packed = bf16_pack(WEIGHT.bfloat16(), BIAS)
    for call in (
        lambda: bf16_linear_packed(X, packed, 40, residual=RESIDUAL.to("meta")),
        lambda: ops.q8_linear_portable(X, WEIGHT, SCALE.to("meta")),
        lambda: bf16_linear_packed(X, packed.to("meta"), 40),
    ):
        with pytest.raises(ValueError, match="must be on the CPU"):
            call()
    assert torch.equal(bf16_unpack(packed), WEIGHT.bfloat16())
