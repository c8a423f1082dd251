import pytest
import torch
from pruning import Net, matrices_of, pruners_of, zeros_of

from inc_hf.prune.masking import found_units, mask_elements, mask_units, shrink_blocks
from inc_hf.prune.pattern import parse_pattern
from inc_hf.prune.target import Part

LAYERS = ["conv", "conv2d", "first", "second"]


def part_of(model, name, pattern):
    return Part(name, model.get_submodule(name), parse_pattern(pattern))


@pytest.mark.parametrize("pattern", ["4x1", "1x4", "2x2", "1x1", "channelx1", "1xchannel"])
@pytest.mark.parametrize("name", LAYERS)
@torch.no_grad()
def test_masks_of_units(name, pattern):
    model = Net()
    part, before = part_of(model, name, pattern), matrices_of(model)[name]
    units = torch.rand(part.pattern.units(tuple(before.shape))) > 0.5
    mask_units(part, units)
    expected = part.expand(units)
    assert torch.equal(matrices_of(model)[name], before * expected)
    mask_elements(part, expected)
    assert torch.equal(matrices_of(model)[name], before * expected)
    assert torch.equal(part.pattern.nonzero_units(matrices_of(model)[name]).flatten(), units)


@pytest.mark.parametrize("pattern", ["4x1", "2x2", "1xchannel"])
@pytest.mark.parametrize("name", LAYERS)
@torch.no_grad()
def test_group_lasso_shortens_the_weights_of_a_block(name, pattern):
    model = Net()
    part, before = part_of(model, name, pattern), matrices_of(model)[name]
    rows, cols = part.pattern.block(tuple(before.shape))
    shrink_blocks(part, 0.3)
    after = matrices_of(model)[name]
    for i in range(0, before.shape[0], rows):
        for j in range(0, before.shape[1], cols):
            block = before[i : i + rows, j : j + cols]
            length = block.norm().item()
            expected = block * max(0.0, length - 0.3) / length
            # 1e-6: float32 norms
            torch.testing.assert_close(after[i : i + rows, j : j + cols], expected, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_group_lasso_of_zeros_is_zero():
    model = Net()
    model.first.weight.zero_()
    shrink_blocks(part_of(model, "first", "4x1"), 0.3)
    assert torch.equal(model.first.weight, torch.zeros(8, 16))


def test_zeros_that_are_there():
    model = Net()
    (pruner,) = pruners_of(model, op_names=["first"], pattern="4x1")
    with torch.no_grad():
        model.first.weight[4:, 3] = 0
        model.first.weight[:3, 5] = 0
    found = found_units(pruner.targets[0])
    assert (~found).nonzero().tolist() == [[1, 3]]
    assert zeros_of(model)["first"] == 7
