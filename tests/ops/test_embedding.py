"""The op that adds rows of tables and norms the sum, against its twin in plain torch, and what it refuses."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inc_hf import ops
from inc_hf.ops.embedding import Table, embed, embed_reference

pytestmark = pytest.mark.skipif(not ops.is_available(), reason=f"no native kernels: {ops.why_unavailable()}")

KINDS = ("float", "a scale for each row", "one scale")


def table(kind: str, entries: int, hidden: int) -> Table:
    if kind == "float":
        return Table(torch.randn(entries, hidden))
    codes = torch.randint(-128, 128, (entries, hidden), dtype=torch.int8)
    return Table(codes, torch.rand(1 if kind == "one scale" else (entries, 1)) / 100)


def norm(hidden: int) -> tuple:
    return 1 + 0.1 * torch.randn(hidden), 0.1 * torch.randn(hidden), 1e-12


@settings(max_examples=60, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3),
    tokens=st.integers(1, 40),
    hidden=st.integers(2, 70),
    seed=st.integers(0, 99),
)
def test_it_computes_what_torch_does(kinds, tokens, hidden, seed):
    torch.manual_seed(seed)
    tables = [table(kind, 7 + i, hidden) for i, kind in enumerate(kinds)]
    ids = [torch.randint(0, 7 + i, (tokens,)) for i in range(len(kinds))]
    how = norm(hidden)
    torch.testing.assert_close(
        embed(ids, tables, *how), embed_reference(ids, tables, *how), rtol=1e-4, atol=1e-4 if hidden < 4 else 2e-5
    )


def test_a_row_depends_on_its_token_alone():
    tables, how = [table("a scale for each row", 50, 96), table("float", 9, 96)], norm(96)
    ids = [torch.randint(0, 50, (400,)), torch.randint(0, 9, (400,))]
    whole = embed(ids, tables, *how)
    assert torch.equal(whole[13:14], embed([x[13:14] for x in ids], tables, *how))
    torch.set_num_threads(2)
    assert torch.equal(embed(ids, tables, *how), whole)


def test_not_a_number_is_in_its_row_alone():
    broken = table("float", 5, 32)
    broken.rows[3, 4] = float("nan")
    found = embed([torch.tensor([0, 3, 4])], [broken], *norm(32))
    assert found[1].isnan().all() and found[[0, 2]].isfinite().all()


CODES = torch.zeros(5, 8, dtype=torch.int8)
REFUSED = {
    "an id beyond the table": (torch.tensor([5]), Table(torch.zeros(5, 8)), 8, "An id must be from 0 to 4, got 5"),
    "a negative id": (torch.tensor([-1]), Table(torch.zeros(5, 8)), 8, "An id must be from 0 to 4, got -1"),
    "ids of another type": (torch.tensor([1.0]), Table(torch.zeros(5, 8)), 8, "`ids` must"),
    "codes without a scale": (torch.tensor([1]), Table(CODES), 8, "`table` must"),
    "floats with a scale": (torch.tensor([1]), Table(torch.zeros(5, 8), torch.ones(5)), 8, "`table` must"),
    "too few scales": (torch.tensor([1]), Table(CODES, torch.ones(4)), 8, "`scale` must"),
    "a table of one dimension": (torch.tensor([1]), Table(torch.zeros(8)), 8, "`table` must"),
    "a table in another order": (torch.tensor([1]), Table(torch.zeros(8, 5).T), 8, "`table` must be contiguous"),
    "a norm of another width": (torch.tensor([1]), Table(torch.zeros(5, 8)), 9, "`weight` must"),
}


@pytest.mark.parametrize("ids, wrong, hidden, message", REFUSED.values(), ids=REFUSED)
def test_refused(ids, wrong, hidden, message):
    with pytest.raises(ValueError, match=message):
        embed([ids], [wrong], *norm(hidden))


def test_tables_of_other_widths_are_refused():
    with pytest.raises(ValueError, match="as many columns, got 8 and 9"):
        embed([torch.tensor([1])] * 2, [Table(torch.zeros(5, 8)), Table(torch.zeros(5, 9))], *norm(8))
