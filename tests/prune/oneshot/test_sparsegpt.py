import pytest
import torch

from inc_hf.prune.oneshot.sparsegpt import inverse_factor, sparsegpt
from inc_hf.prune.pattern import BlockPattern, NMPattern, parse_pattern

CASES = [("1x1", 0.5), ("4x1", 0.5), ("4x1", 0.3), ("1x4", 0.5), ("2:4", 0.5), ("2:4", 0.3), ("1:3", 1 / 3)]


def example(rows=8, columns=24, tokens=60, dtype=torch.float64, seed=0):
    """A weight, and inputs whose features go together."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(columns, columns, generator=generator, dtype=torch.float64)
    inputs = torch.randn(tokens, columns, generator=generator, dtype=torch.float64) @ mix
    weight = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
    return weight.to(dtype), inputs.to(dtype)


def share_of(pattern, sparsity):
    return sparsity / pattern.zeros_per_unit


def lowest_units(scores, count):
    """The `count` keys with the lowest scores of a dict; of equal ones the first."""
    return set(sorted(scores, key=lambda key: (float(scores[key]), key))[:count])


def slow_sparsegpt(weight, hessian, pattern, share, block_size=128):
    """Optimal Brain Surgeon, one weight at a time, with the inverse of what is left of the Hessian in each step."""
    weight, hessian = weight.double().clone(), hessian.double().clone()
    for j in range(len(hessian)):
        if hessian[j, j] == 0:
            hessian[j, j], weight[:, j] = 1, 0
    hessian += 0.01 * hessian.diagonal().mean() * torch.eye(len(hessian), dtype=torch.float64)
    inverses = [torch.linalg.inv(hessian[j:, j:]) for j in range(len(hessian))]
    rows, columns = weight.shape
    nm = isinstance(pattern, NMPattern)
    height, width = (1, pattern.of) if nm else (pattern.rows, pattern.cols)
    step = block_size // width * width
    zeros = torch.zeros_like(weight, dtype=torch.bool)
    done = 0
    for begin in range(0, columns, step):
        end = min(begin + step, columns)

        def cost(r, c):
            return weight[r, c] ** 2 / inverses[c][0, 0]  # noqa: B023

        units = {}
        for r in range(0, rows, height):
            for c in range(begin, end, width):
                each = [cost(r + y, c + x) for y in range(height) for x in range(width)]
                units[r, c] = sum(sorted(each)[: pattern.zeros] if nm else each)
        due = round(share * (rows // height) * (end // width)) - done
        done += due
        chosen = lowest_units(units, due)
        for c in range(begin, end):
            for r in range(rows):
                unit = (r // height * height, c // width * width)
                if nm and c % width == 0 and unit in chosen:
                    for worst in lowest_units({k: cost(r, k) for k in range(c, c + width)}, pattern.zeros):
                        zeros[r, worst] = True
                elif not nm and unit in chosen:
                    zeros[r, c] = True
            for r in range(rows):
                if zeros[r, c]:
                    weight[r, c:] -= weight[r, c] / inverses[c][0, 0] * inverses[c][0]
                    weight[r, c] = 0
    return weight, zeros


@pytest.mark.parametrize("block_size", [128, 8], ids=["one block", "several blocks"])
@pytest.mark.parametrize(("text", "sparsity"), CASES)
def test_equals_the_slow_one(text, sparsity, block_size):
    pattern = parse_pattern(text)
    weight, inputs = example()
    hessian = 2 * inputs.t() @ inputs
    expected, zeros = slow_sparsegpt(weight, hessian, pattern, share_of(pattern, sparsity), block_size)
    pruned = sparsegpt(weight, hessian, pattern, share_of(pattern, sparsity), block_size)
    assert torch.equal(pruned == 0, zeros)
    torch.testing.assert_close(pruned, expected, rtol=1e-9, atol=1e-9)
    assert zeros.double().mean().item() == pytest.approx(sparsity, abs=0.5 * 12 / weight.numel())


@pytest.mark.parametrize(("text", "sparsity"), CASES)
def test_float32(text, sparsity):
    pattern = parse_pattern(text)
    weight, inputs = example(columns=48, tokens=400, dtype=torch.float32)
    hessian = 2 * inputs.t() @ inputs
    expected, zeros = slow_sparsegpt(weight, hessian, pattern, share_of(pattern, sparsity))
    pruned = sparsegpt(weight, hessian, pattern, share_of(pattern, sparsity))
    assert torch.equal(pruned == 0, zeros)
    torch.testing.assert_close(pruned.double(), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("text", ["1x1", "4x1", "2:4"])
def test_makes_up_for_what_is_pruned(text):
    pattern = parse_pattern(text)
    weight, _ = example()
    inputs = torch.randn(200, 8).double() @ torch.randn(8, 24).double() + 0.3 * torch.randn(200, 24)  # 8 factors
    pruned = sparsegpt(weight, 2 * inputs.t() @ inputs, pattern, share_of(pattern, 0.5))
    error = (inputs @ (weight - pruned).t()).norm()
    without = (inputs @ (weight * (pruned == 0)).t()).norm()
    assert error < 0.7 * without


def test_inputs_that_are_always_zero_go_first():
    weight, inputs = example()
    inputs[:, [3, 10, 17]] = 0
    hessian = 2 * inputs.t() @ inputs
    pruned = sparsegpt(weight, hessian, BlockPattern(4, 1), 0.5)
    assert not pruned[:, [3, 10, 17]].any()
    assert (pruned == 0).double().mean() == 0.5
    expected, zeros = slow_sparsegpt(weight, hessian, BlockPattern(4, 1), 0.5)
    assert torch.equal(pruned == 0, zeros)
    torch.testing.assert_close(pruned, expected, rtol=1e-9, atol=1e-9)


def test_fewer_tokens_than_columns():
    weight, inputs = example(columns=64, tokens=5, dtype=torch.float32)
    pruned = sparsegpt(weight, 2 * inputs.t() @ inputs, BlockPattern(1, 1), 0.5)
    assert pruned.isfinite().all() and (pruned == 0).float().mean() == 0.5


def test_a_hessian_that_rounding_made_indefinite():
    basis = torch.randn(16, 16)
    hessian = basis @ basis.t()
    hessian -= torch.eye(16) * (torch.linalg.eigvalsh(hessian)[0] + 0.02 * hessian.diagonal().mean())
    assert inverse_factor(hessian).isfinite().all()
    with pytest.raises(ValueError, match="not positive definite; give more or other data"):
        inverse_factor(-torch.eye(4))
