"""The stored form of integer weights under quant_method "inc"."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inc_hf.checkpoint.packing import pack, packed_shape, unpack

BITS = st.integers(2, 8)
SHAPES = st.one_of(
    st.tuples(st.integers(1, 9), st.integers(1, 9)),  # Linear, Embedding
    st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5)),  # Conv1d
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),  # Conv2d
)


def codes_of(shape: tuple[int, ...], num_bits: int, seed: int) -> torch.Tensor:
    """Random integers over the whole range of the bits, both ends among them where there is room."""
    low, high = -(1 << (num_bits - 1)), (1 << (num_bits - 1)) - 1
    codes = torch.randint(low, high + 1, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.int8)
    codes.view(-1)[0], codes.view(-1)[-1] = low, high
    return codes


@settings(max_examples=200, deadline=None)
@given(shape=SHAPES, num_bits=BITS, seed=st.integers(0, 1000))
def test_round_trip(shape, num_bits, seed):
    codes = codes_of(shape, num_bits, seed)
    stored = pack(codes, num_bits)
    restored = unpack(stored, shape, num_bits)
    assert torch.equal(restored, codes)
    assert restored.dtype == torch.int8
    assert restored.is_contiguous()


@settings(max_examples=200, deadline=None)
@given(shape=SHAPES, num_bits=BITS, seed=st.integers(0, 1000))
def test_stored_shape(shape, num_bits, seed):
    stored = pack(codes_of(shape, num_bits, seed), num_bits)
    assert stored.shape == packed_shape(shape, num_bits)
    assert stored.dtype == (torch.int8 if num_bits > 4 else torch.uint8)
    assert stored.shape[0] == shape[0], "tying compares the first dimension"
    assert stored.ndim == len(shape) + 1, "otherwise a stock transformers might load the integers as floats"


@pytest.mark.parametrize("num_bits", range(5, 9))
@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 2), (3, 4, 2, 2)], ids=["linear", "conv1d", "conv2d"])
def test_a_byte_each_has_one_dimension_more(shape, num_bits):
    assert packed_shape(shape, num_bits) == (*shape, 1)


@pytest.mark.parametrize("num_bits", [2, 3, 4])
@pytest.mark.parametrize(
    ("shape", "stored"),
    [
        ((3, 8), (3, 4, 1)),
        ((3, 7), (3, 4, 1)),
        ((3, 1), (3, 1, 1)),
        ((2, 3, 3), (2, 5, 1, 1)),
        ((2, 3, 2, 2), (2, 6, 1, 1, 1)),
    ],
    ids=["even", "odd", "column", "conv1d", "conv2d"],
)
def test_two_to_a_byte(shape, stored, num_bits):
    assert packed_shape(shape, num_bits) == stored


def test_layout_of_a_byte():
    # even elements in the low half, plus 8; the odd one out is followed by a zero
    stored = pack(torch.tensor([[-8, 7, 3]], dtype=torch.int8), 4)
    assert stored.flatten().tolist() == [0x0 | 0xF << 4, 0xB | 0x8 << 4]


def test_packing_leaves_its_argument_alone():
    codes = torch.tensor([[-7, 0, 7]], dtype=torch.int8)
    stored = pack(codes, 4)
    stored.fill_(0)
    assert codes.tolist() == [[-7, 0, 7]]


@pytest.mark.parametrize("num_bits", [4, 8])
@pytest.mark.parametrize("shape", [(0, 4), (3, 0)], ids=["no rows", "no columns"])
def test_empty_weight(shape, num_bits):
    stored = pack(torch.empty(shape, dtype=torch.int8), num_bits)
    assert stored.shape == packed_shape(shape, num_bits)
    assert unpack(stored, shape, num_bits).shape == shape
