import pytest
import torch

from inc_hf.prune.pattern import BlockPattern, HeadPattern, NMPattern, parse_pattern


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("4x1", BlockPattern(4, 1)),
        ("1x16", BlockPattern(1, 16)),
        ("channelx1", BlockPattern(None, 1)),
        ("2xchannel", BlockPattern(2, None)),
        ("2:4", NMPattern(2, 4)),
        ("mha", HeadPattern()),
    ],
)
def test_parse(text, pattern):
    assert parse_pattern(text) == pattern
    assert str(pattern) == text


BLOCKS = {"4x1": (4, 1), "1x3": (1, 3), "2x2": (2, 2), "1x1": (1, 1), "channelx1": (8, 1), "1xchannel": (1, 6)}


@pytest.mark.parametrize("how", ["mean", "sum", "max"])
@pytest.mark.parametrize("text", BLOCKS)
def test_scores_of_blocks(text, how):
    (rows, cols), scores, pattern = BLOCKS[text], torch.rand(8, 6), parse_pattern(text)
    reduced = pattern.reduce(scores, how)
    assert tuple(reduced.shape) == (8 // rows, 6 // cols) and reduced.numel() == pattern.units((8, 6))
    for i in range(8 // rows):
        for j in range(6 // cols):
            block = scores[i * rows : (i + 1) * rows, j * cols : (j + 1) * cols]
            assert reduced[i, j].item() == pytest.approx(getattr(block, how)().item())


@pytest.mark.parametrize("text", BLOCKS)
def test_a_mask_of_blocks_covers_them(text):
    (rows, cols), pattern = BLOCKS[text], parse_pattern(text)
    units = torch.rand(8 // rows, 6 // cols) > 0.5
    matrix = torch.rand(8, 6) + 1
    pattern.blocks(matrix).mul_(pattern.mask(units, (8, 6)))
    expected = units.repeat_interleave(rows, 0).repeat_interleave(cols, 1)
    assert torch.equal(matrix != 0, expected)
    assert torch.equal(pattern.nonzero_units(matrix), units)


@pytest.mark.parametrize(
    ("text", "shape", "fits"),
    [("4x1", (8, 3), True), ("4x1", (6, 3), False), ("1x4", (3, 8), True), ("1x4", (3, 6), False)]
    + [("channelx1", (5, 7), True), ("2xchannel", (5, 7), False), ("2:4", (5, 8), True), ("2:4", (8, 6), False)],
)
def test_what_fits(text, shape, fits):
    assert parse_pattern(text).fits(shape) == fits


def test_n_of_m_by_hand():
    pattern = NMPattern(2, 4)
    scores = torch.tensor([[4.0, 1, 3, 2, 5, 5, 5, 5], [0, 9, 0, 0, 1, 2, 3, 4]])
    assert pattern.lowest(scores).int().tolist() == [[[0, 1, 0, 1], [1, 1, 0, 0]], [[1, 0, 1, 0], [1, 1, 0, 0]]]
    assert pattern.reduce(scores, "sum").tolist() == [[3, 10], [0, 3]]
    assert pattern.reduce(scores, "mean").tolist() == [[1.5, 5], [0, 1.5]]
    assert pattern.reduce(scores, "max").tolist() == [[2, 5], [0, 2]]
    units = torch.tensor([[False, True], [False, True]])
    assert pattern.element_mask(units, scores).int().tolist() == [[1, 0, 1, 0, 1, 1, 1, 1], [0, 1, 0, 1, 1, 1, 1, 1]]
    assert pattern.nonzero_units(scores * pattern.element_mask(units, scores)).tolist() == units.tolist()


@pytest.mark.parametrize(("zeros", "of"), [(1, 2), (1, 4), (2, 4), (3, 4), (4, 8)])
def test_n_of_m_against_sorting(zeros, of):
    scores = torch.rand(3, 16).mul(5).round()  # with ties
    mask = NMPattern(zeros, of).element_mask(torch.zeros(3, 16 // of, dtype=torch.bool), scores)
    for row in range(3):
        for group in range(0, 16, of):
            order = sorted(range(group, group + of), key=lambda j: (scores[row, j].item(), j))
            assert [j for j in range(group, group + of) if not mask[row, j]] == sorted(order[:zeros])
