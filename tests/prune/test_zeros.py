"""Zeros by pattern, on matrices whose answer can be written down."""

import pytest
import torch

from inc_hf.prune.zeros import Zeros, zeros_in_numbers, zeros_in_words, zeros_of


def pruned(pattern: str) -> torch.Tensor:
    """32 x 64 ones, with zeros of a pattern."""
    matrix = torch.ones(32, 64)
    if pattern == "4x1":
        matrix[:16, ::2] = 0
    if ":" in pattern:
        zeros, of = map(int, pattern.split(":"))
        rows = torch.arange(matrix.numel() // of)[:, None]
        matrix.view(-1, of)[rows, (rows // (64 // of) + torch.arange(zeros)) % of] = 0  # one further in each row
    return matrix


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int8], ids=str)
@pytest.mark.parametrize(
    ("pattern", "zeros"),
    [
        ("dense", Zeros(2048, 0, 512, 0)),
        ("4x1", Zeros(2048, 512, 512, 128)),
        ("1:2", Zeros(2048, 1024, 512, 0, "1:2")),
        ("2:4", Zeros(2048, 1024, 512, 0, "2:4")),
        ("1:4", Zeros(2048, 512, 512, 0, "1:4")),
        ("4:8", Zeros(2048, 1024, 512, 64, "4:8")),
        ("13:16", Zeros(2048, 1664, 512, 320, "13:16")),
    ],
)
def test_by_hand(pattern, zeros, dtype):
    assert zeros_of(pruned(pattern).to(dtype)) == zeros


@pytest.mark.parametrize("shape", [(2, 8), (6, 3), (1, 1), (4, 0), (0, 4)], ids=str)
def test_odd_shapes(shape):
    found = zeros_of(torch.zeros(shape))
    assert (found.weights, found.blocks) == (shape[0] * shape[1], shape[0] // 4 * shape[1])
    assert found.zeros == found.weights and found.n_of_m is None, "all of it is zero, which is no N:M"


def test_many_zeros_keep_an_n_of_m_by_chance():
    matrix = pruned("2:4")
    matrix[:, 8:] = 0
    assert zeros_of(matrix).n_of_m is None


def test_a_few_more_zeros_by_rounding_are_still_the_pattern():
    matrix = pruned("2:4")
    matrix[0] = 0
    assert zeros_of(matrix).n_of_m == "2:4"


def test_in_words_and_numbers():
    layers = {"a.query": zeros_of(pruned("2:4")), "head": zeros_of(pruned("dense"))}
    assert zeros_in_numbers(layers) == {"layers": 2, "weights": 0.25, "blocks_4x1": 0.0, "n_of_m": {"2:4": 1}}
    assert zeros_in_words(layers) == (
        "25.0 % of the weights and 0 % of the 4x1 blocks of 2 Linear and Conv layers, from 0 % (head) to 50.0 % "
        "(a.query); 2:4 in 1 of them"
    )
    assert zeros_in_words({"head": layers["head"]}) == "none in 1 Linear and Conv layers"
