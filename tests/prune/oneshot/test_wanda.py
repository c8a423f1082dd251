import pytest
import torch

from inc_hf.prune.oneshot.wanda import wanda_mask
from inc_hf.prune.pattern import NMPattern, parse_pattern

CASES = [
    ("1x1", 0.5),
    ("1x1", 0.3),
    ("4x1", 0.5),
    ("4x1", 0.3),
    ("1x4", 0.5),
    ("2x2", 0.5),
    ("2:4", 0.5),
    ("2:4", 0.25),
]


def slow_wanda(weight, inputs, pattern, share):
    """Plain loops over the rows of units."""
    rows, columns = weight.shape
    score = [[abs(float(weight[r, c])) * float(inputs[:, c].norm()) for c in range(columns)] for r in range(rows)]
    keep = torch.ones(rows, columns, dtype=torch.bool)
    nm = isinstance(pattern, NMPattern)
    height, width = (1, pattern.of) if nm else (pattern.rows, pattern.cols)
    for r in range(0, rows, height):
        units = []
        for c in range(0, columns, width):
            cells = [(r + y, c + x) for y in range(height) for x in range(width)]
            if nm:
                cells = sorted(cells, key=lambda cell: score[cell[0]][cell[1]])[: pattern.zeros]
            units.append((sum(score[y][x] for y, x in cells), cells))
        for _, cells in sorted(units, key=lambda unit: unit[0])[: round(share * len(units))]:
            for y, x in cells:
                keep[y, x] = False
    return keep


@pytest.mark.parametrize(("text", "sparsity"), CASES)
def test_equals_the_slow_one(text, sparsity):
    pattern = parse_pattern(text)
    share = sparsity / pattern.zeros_per_unit
    weight, inputs = torch.randn(8, 20), torch.randn(30, 20, dtype=torch.float64) * torch.linspace(0.1, 3, 20)
    mask = wanda_mask(weight, inputs.norm(dim=0), pattern, share)
    assert torch.equal(mask, slow_wanda(weight, inputs, pattern, share))


def test_every_row_loses_as_much():
    mask = wanda_mask(
        torch.randn(12, 20) * torch.linspace(0.1, 9, 12)[:, None], torch.rand(20), parse_pattern("1x1"), 0.4
    )
    assert ((~mask).sum(1) == 8).all()


def test_inputs_that_are_always_zero_go_first():
    norms = torch.ones(20)
    norms[:10] = 0
    assert not wanda_mask(torch.randn(4, 20), norms, parse_pattern("1x1"), 0.5)[:, :10].any()


def test_variant_takes_the_same_part_of_all_rows():
    """Against the bisection of the paper's code, at the share that a part of 0.3 leads to."""
    weight = torch.randn(16, 40, dtype=torch.float64) ** 3
    norms = torch.rand(40, dtype=torch.float64)
    scores = weight.abs() * norms
    expected = torch.zeros_like(scores, dtype=torch.bool)
    for r, row in enumerate(scores):
        total = 0.0
        for c in row.argsort():
            total += float(row[c])
            expected[r, c] = total > 0.3 * float(row.sum())
    share = float((~expected).double().mean())
    assert torch.equal(wanda_mask(weight, norms, parse_pattern("1x1"), share, variant=True), expected)
    assert len(set(expected.sum(1).tolist())) > 1
