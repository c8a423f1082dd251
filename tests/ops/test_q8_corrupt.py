"""Bytes that `q8_pack` did not write: ValueError or a meaningless result, never a crash.

The exception are the indices of sparse weights. Only `q8_pack` and `q8_unpack` look at all of them, so that no product
is computed here of a weight whose indices were changed.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inc_hf import ops

pytestmark = pytest.mark.skipif(not ops.is_available(), reason=f"no native kernels: {ops.why_unavailable()}")
SUPPORTED = ops.supported_isas()
every_isa = pytest.mark.parametrize("isa", SUPPORTED)
every_kind = pytest.mark.parametrize("kind", ["dense", "sparse"])
# Where a weight of at most 64 rows keeps its parts: a header, then scale, bias and sums of 64 channels.
SCALE, BIAS, SUMS, WEIGHTS = 64, 64 + 256, 64 + 512, 64 + 768
COLUMNS = WEIGHTS + 128  # sparse: behind the first blocks of 16 groups and their end
REFUSED = "The packed weight is corrupt"


def packed_layer(kind, isa, n=21, k=70):
    weight = torch.randint(-127, 128, (n, k), dtype=torch.int8)
    weight[4:8, ::3] = 0
    return ops.q8_pack(weight, torch.rand(n, 1) * 0.02 + 1e-3, torch.randn(n), kind, isa)


def blocks_of(packed):
    """Where a sparse weight keeps what it multiplies, behind the columns."""
    quads = int.from_bytes(bytes(packed[32:40].tolist()), "little")
    return COLUMNS + (8 * quads + 63) // 64 * 64


def use(packed, n=21, k=70):
    """Everything that reads a packed weight; each call works or raises ValueError. Returns the linear's result."""
    x = torch.randn(9, k)
    codes = torch.randint(0, 256, (9, (k + 15) // 16 * 16), dtype=torch.uint8)
    calls = [
        lambda: ops.q8_linear_packed(x, packed, n),
        lambda: ops.q8_linear_packed(x[:1], packed, n, activation="gelu"),
        lambda: ops.q8_accumulate(codes, packed, n),
        lambda: ops.q8_matmul(codes, torch.ones(9, 1), packed, n, out_scale=torch.ones(1)),
        lambda: ops.q8_unpack(packed),
        lambda: ops.q8_describe(packed),
    ]
    results = []
    for call in calls:
        try:
            results.append(call())
        except ValueError:
            results.append(None)
    assert results[0] is None or results[0].shape == (9, n)
    return results


@every_isa
@every_kind
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_every_byte_of_the_header_is_checked_at_every_call(isa, kind, flip):
    packed = packed_layer(kind, isa)
    for at in range(64):
        corrupt = packed.clone()
        corrupt[at] ^= flip
        assert use(corrupt) == [None] * 6


@every_isa
def test_a_sparse_weight_does_not_pass_for_a_narrower_one(isa):
    packed = packed_layer("sparse", isa)
    packed[24] = 20  # the number of columns, on which its size does not depend
    with pytest.raises(ValueError, match=f"{REFUSED}: its header is not the one that packing wrote"):
        ops.q8_linear_packed(torch.zeros(1, 20), packed, 21)


def cut(packed):
    return {
        "empty": packed[:0],
        "half a header": packed[:32],
        "header only": packed[:64],
        "short": packed[:-1],
        "a line short": packed[:-64],
        "long": torch.cat([packed, packed[:1]]),
        "a line long": torch.cat([packed, packed[:64]]),
        "no header": packed[64:],
        "shifted": packed[1:],
        "zeros": torch.zeros_like(packed),
        "ones": torch.full_like(packed, 255),
        "text": torch.frombuffer(bytearray(b"not a weight at all " * 40), dtype=torch.uint8),
        "matrix": packed.reshape(2, -1),
        "every second byte": packed.repeat_interleave(2)[::2],
    }


@every_kind
@pytest.mark.parametrize("name", cut(torch.zeros(128, dtype=torch.uint8)))
def test_what_q8_pack_did_not_return_is_refused(kind, name):
    corrupt = cut(packed_layer(kind, ""))[name]
    for call in (ops.q8_unpack, ops.q8_describe, lambda p: ops.q8_linear_packed(torch.zeros(3, 70), p, 21)):
        with pytest.raises(ValueError, match=f"{REFUSED}|must be what q8_pack returned"):
            call(corrupt)


@every_isa
def test_columns_beyond_the_weight_are_refused_when_unpacked(isa):
    packed = packed_layer("sparse", isa)
    quads = int.from_bytes(bytes(packed[32:40].tolist()), "little")
    for column in (0, 1, 4 * quads - 1):
        for value in (70, 71, 128, 32768, 65535):
            corrupt = packed.clone()
            corrupt[COLUMNS + 2 * column : COLUMNS + 2 * column + 2].view(torch.int16).copy_(
                torch.tensor([value]).to(torch.int16)
            )
            with pytest.raises(ValueError, match="a column of a block lies beyond the weight"):
                ops.q8_unpack(corrupt)


@every_isa
def test_blocks_out_of_order_are_refused_when_unpacked(isa):
    packed = packed_layer("sparse", isa)
    for group in range(17):
        for value in (-1, -(2**31), 2**31 - 1, 10**6):
            corrupt = packed.clone()
            corrupt[WEIGHTS + 4 * group : WEIGHTS + 4 * group + 4].view(torch.int32).fill_(value)
            with pytest.raises(ValueError, match="its blocks are out of order"):
                ops.q8_unpack(corrupt)


def test_a_weight_for_another_cpu_is_refused():
    codes = {"avx2": 1, "avxvnni": 2, "avx512vnni": 3, "neondot": 4, "amx": 5}
    for name in codes.keys() - set(SUPPORTED):  # no CPU has all of them
        packed = packed_layer("dense", "scalar")
        packed[8] = codes[name]
        with pytest.raises(ValueError, match=f"packed for {name}, which this CPU lacks; pack it here"):
            ops.q8_linear_packed(torch.zeros(3, 70), packed, 21)


@given(
    st.sampled_from(SUPPORTED or ["scalar"]),
    st.sampled_from(["dense", "sparse"]),
    st.integers(0, 63),
    st.binary(min_size=1, max_size=16),
    st.integers(-130, 130),
)
@settings(max_examples=150, deadline=None)
def test_a_random_header(isa, kind, at, content, grown):
    torch.manual_seed(0)
    packed = packed_layer(kind, isa, 5, 20)
    written = torch.frombuffer(bytearray(content), dtype=torch.uint8)[: 64 - at]
    packed[at : at + len(written)] = written
    use(torch.cat([packed[: len(packed) + min(grown, 0)], torch.zeros(max(grown, 0), dtype=torch.uint8)]), 5, 20)


def randomize(packed, first, end):
    packed[first:end] = torch.randint(0, 256, (end - first,), dtype=torch.uint8)


@given(st.sampled_from(SUPPORTED or ["scalar"]), st.sampled_from(["dense", "sparse"]), st.integers(0, 2**31))
@settings(max_examples=80, deadline=None)
def test_random_bytes_behind_the_header(isa, kind, seed):
    torch.manual_seed(seed)
    packed = packed_layer(kind, isa)
    first = [SCALE, BIAS, SUMS, WEIGHTS][seed % 4]
    if kind == "dense":
        randomize(packed, first, len(packed))
    else:  # all but the indices
        randomize(packed, first, WEIGHTS)
        randomize(packed, blocks_of(packed), len(packed))
    assert None not in use(packed)


@given(st.sampled_from(SUPPORTED or ["scalar"]), st.integers(0, 2**31))
@settings(max_examples=80, deadline=None)
def test_random_indices_are_refused_when_unpacked(isa, seed):
    torch.manual_seed(seed)
    packed = packed_layer("sparse", isa)
    randomize(packed, [WEIGHTS, COLUMNS][seed % 2], blocks_of(packed))
    with pytest.raises(ValueError, match=REFUSED):
        ops.q8_unpack(packed)


@given(st.binary(max_size=2000))
@settings(max_examples=60, deadline=None)
def test_random_bytes(content):
    packed = torch.frombuffer(bytearray(content or b"0"), dtype=torch.uint8)[: len(content)]
    assert use(packed) == [None] * 6
