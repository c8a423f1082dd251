"""Weights without their zeros: the native op against its twin, and what both refuse."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inc_hf import ops
from inc_hf.ops.units import expand_units

EXPANDS = {"twin": expand_units} | ({"native": ops.q8_expand} if ops.is_available() else {})


def stored(blocks, columns, rows, share, seed=0):
    """A weight of extreme integers, its units and its mask."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randint(-128, 128, (blocks * rows, columns), generator=generator, dtype=torch.int8)
    keep = torch.rand(blocks, columns, generator=generator) < share
    weight[::rows] |= 1  # no unit is zero by chance
    weight *= keep.repeat_interleave(rows, 0)
    values = weight.unflatten(0, (-1, rows)).transpose(1, 2)[keep].flatten()
    return weight, values, torch.from_numpy(np.packbits(keep.numpy(), axis=1))


@pytest.mark.parametrize("name", EXPANDS)
@settings(max_examples=100, deadline=None)
@given(
    blocks=st.integers(0, 9),
    columns=st.integers(1, 70),
    rows=st.sampled_from([1, 4]),
    share=st.sampled_from([0.0, 0.1, 0.6, 1.0]),
    seed=st.integers(0, 100),
)
def test_the_weight_is_back(name, blocks, columns, rows, share, seed):
    weight, values, mask = stored(blocks, columns, rows, share, seed)
    assert EXPANDS[name](values, mask, columns, rows).equal(weight)


@pytest.mark.parametrize("name", EXPANDS)
@pytest.mark.parametrize("rows", [1, 4])
def test_what_does_not_fit_is_refused(name, rows):
    """A bit too many, one behind the last column, a unit too few and too many."""
    _, values, mask = stored(3, 11, rows, 0.5)
    full, behind = mask.clone(), mask.clone()
    full[0, 0], behind[0, 1] = 255, int(behind[0, 1]) | 1
    for wrong in (full, behind):
        with pytest.raises(ValueError, match="`mask`"):
            EXPANDS[name](values, wrong, 11, rows)
    with pytest.raises(ValueError, match="`mask`"):
        EXPANDS[name](values[rows:], mask, 11, rows)
    with pytest.raises(ValueError, match="`mask`"):
        EXPANDS[name](torch.cat([values, values[:rows]]), mask, 11, rows)


@pytest.mark.skipif(not ops.is_available(), reason="no native kernels")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 2}, "`rows` must be 1 or 4, got 2"),
        ({"columns": 0}, "must have a bit for each of 0 columns"),
        ({"columns": 20}, "must have a bit for each of 20 columns, got shape .3, 2."),
        ({"columns": -8}, "must have a bit for each of -8 columns"),
        ({"values": torch.zeros(3)}, "`values` must be of type Char, got Float"),
        ({"mask": torch.zeros(3, 2)}, "`mask` must be of type Byte, got Float"),
        ({"mask": torch.zeros(6, dtype=torch.uint8)}, "columns, got shape .6."),
    ],
)
def test_wrong_arguments(change, message):
    _, values, mask = stored(3, 11, 4, 0.5)
    with pytest.raises(ValueError, match=message):
        ops.q8_expand(**{"values": values, "mask": mask, "columns": 11, "rows": 4} | change)
