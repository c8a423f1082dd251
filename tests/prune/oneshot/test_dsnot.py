import pytest
import torch
from torch import nn

from inc_hf.prune.oneshot.dsnot import MAX_CYCLES, UPDATE_THRESHOLD, dsnot_mask
from inc_hf.prune.oneshot.statistics import Moments
from inc_hf.prune.oneshot.wanda import wanda_mask
from inc_hf.prune.pattern import parse_pattern


def example(rows=8, columns=24):
    weight = torch.randn(rows, columns, dtype=torch.float64)
    inputs = torch.randn(40, columns, dtype=torch.float64) + torch.randn(columns, dtype=torch.float64)
    moments = Moments(nn.Linear(columns, rows))
    moments.add(inputs)
    return weight, inputs, moments


def slow_dsnot(weight, inputs, keep, group=None):
    """One row after the other, one swap after the other."""
    keep = keep.clone()
    mean, variance = inputs.mean(0), inputs.var(0, unbiased=False)
    norm = inputs.norm(dim=0)
    for r in range(len(weight)):
        effect = [float(weight[r, c] * mean[c]) for c in range(weight.shape[1])]
        grow = {c for c in range(len(effect)) if not keep[r, c]}
        prune = set(range(len(effect))) - grow
        error = first = sum(effect[c] for c in grow)
        for _ in range(MAX_CYCLES):
            if abs(error) <= UPDATE_THRESHOLD:
                break
            sign = 1 if error > 0 else -1
            growable = [c for c in grow if effect[c] * sign > 0]
            if group is not None:
                growable = [c for c in growable if any(p // group == c // group for p in prune)]
            if not growable:
                break
            grown = max(growable, key=lambda c: effect[c] * sign / float(variance[c]))  # noqa: B023
            if group is None:
                prunable = [c for c in prune if effect[c] * sign < 0]
            else:
                prunable = [c for c in prune if c // group == grown // group]
            if not prunable:
                break
            pruned = min(prunable, key=lambda c: abs(float(weight[r, c])) * float(norm[c]))  # noqa: B023
            after = error + effect[pruned] - effect[grown]
            if group is not None and after * first <= 0:
                break
            error = after
            keep[r, grown], keep[r, pruned] = True, False
            grow.remove(grown)
            prune.remove(pruned)
    return keep


@pytest.mark.parametrize(("text", "group"), [("1x1", None), ("2:4", 4), ("3:4", 4), ("1:3", 3)])
def test_equals_the_slow_one(text, group):
    weight, inputs, moments = example(rows=32)
    pattern = parse_pattern(text)
    start = wanda_mask(weight, moments.norms, pattern, 0.5 if group is None else 1.0)
    mask = dsnot_mask(weight, moments, start, pattern)
    assert torch.equal(mask, slow_dsnot(weight, inputs, start, group))
    assert not torch.equal(mask, start)
    assert torch.equal(mask.sum(1), start.sum(1))
    if group is not None:
        assert torch.equal(*(m.unflatten(1, (-1, group)).sum(2) for m in (mask, start)))


def test_the_expected_output_comes_nearer():
    weight, inputs, moments = example(rows=64, columns=96)
    start = wanda_mask(weight, moments.norms, parse_pattern("1x1"), 0.5)
    mask = dsnot_mask(weight, moments, start, parse_pattern("1x1"))
    mean = moments.mean
    before, after = (((weight * ~m) @ mean).abs().mean() for m in (start, mask))
    assert after < 0.6 * before


def test_inputs_without_variance_or_mean():
    weight, inputs, _ = example()
    inputs[:, :4] = 0
    inputs[:, 4:8] = 3.0
    moments = Moments(nn.Linear(24, 8))
    moments.add(inputs)
    start = wanda_mask(weight, moments.norms, parse_pattern("1x1"), 0.5)
    mask = dsnot_mask(weight, moments, start, parse_pattern("1x1"))
    assert torch.equal(mask.sum(1), start.sum(1)) and not mask[:, :4].any()
