import pytest
import torch
from pruning import Net, gradient_matrices_of, gradients_of, matrices_of, pruners_of

from inc_hf.prune.criterion import CRITERIA, Criterion
from inc_hf.prune.pattern import NMPattern

BLOCK = {"1x1": (1, 1), "4x1": (4, 1), "1x4": (1, 4), "2x2": (2, 2)}


def scores_after(model, steps, **settings):
    """The scores of units after some steps, and products of weight and gradient at each of them."""
    (pruner,) = pruners_of(model, end_step=50, pruning_frequency=10, **settings)
    products = []
    for step in range(steps):
        gradients_of(model, step)
        pruner.collect(step)
        gradients, weights = gradient_matrices_of(model), matrices_of(model)
        products.append({name: weights[name] * gradients[name] for name in weights})
    return pruner.scores.of_units(), products


def blocks_of(matrix, rows, cols):
    return torch.stack([torch.stack([b.flatten() for b in r.split(cols, 1)]) for r in matrix.split(rows, 0)])


@pytest.mark.parametrize("how", ["mean", "sum", "max"])
@pytest.mark.parametrize("pattern", BLOCK)
@pytest.mark.parametrize("kind", ["snip", "snip_momentum", "magnitude", "block_mask"])
def test_scores_of_blocks_of_every_layer(kind, pattern, how):
    model = Net()
    local = {"criterion_reduce_type": how}
    scores, products = scores_after(model, 3, pruning_configs=[local], pruning_type=kind, pattern=pattern)
    assert list(scores) == ["conv", "conv2d", "first", "second"]
    for name, score in scores.items():
        step_blocks = [blocks_of(product[name], *BLOCK[pattern]) for product in products]
        if kind == "magnitude":
            elements = blocks_of(matrices_of(model)[name].abs(), *BLOCK[pattern])
        elif kind == "snip":
            elements = step_blocks[-1].abs()
        else:
            elements = sum(0.9 ** (2 - i) * b.abs() for i, b in enumerate(step_blocks))
        expected = elements.amax(-1) if how == "max" else getattr(elements, how)(-1)
        if kind == "block_mask":
            expected = sum(0.9 ** (2 - i) * b.sum(-1).abs() for i, b in enumerate(step_blocks))
        # atol and rtol: float32 sums in another order
        torch.testing.assert_close(score, expected, atol=1e-6, rtol=1e-5)


def test_n_of_m_takes_the_sizes_of_elements_whatever_the_type():
    scores, products = scores_after(Net(), 2, pruning_type="block_mask", pattern="2:4")
    elements = sum(0.9 ** (1 - i) * product["first"].abs() for i, product in enumerate(products))
    expected = NMPattern(2, 4).reduce(elements, "sum")
    torch.testing.assert_close(scores["first"], expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("how", ["mean", "max"])
def test_little_memory_is_16_bits_per_block(how):
    model = Net()
    local = {"criterion_reduce_type": how}
    (pruner,) = pruners_of(
        model, pruning_configs=[local], pattern="4x1", pruning_type="snip_momentum", low_memory_usage=True, end_step=50
    )
    for step in range(3):
        gradients_of(model, step)
        pruner.collect(step)
    for part in pruner.parts():
        kept = pruner.scores.kept[part.name]
        assert kept.dtype is torch.bfloat16 and kept.numel() == part.module.weight.numel() // 4


SKIPPED = {
    "blocks": {"pruning_type": "snip", "pattern": "4x1"},
    "momentum": {"pruning_type": "snip_momentum", "pattern": "1x1"},
    "local": {"pruning_type": "snip", "pruning_scope": "local"},
    "N:M": {"pruning_type": "snip_momentum", "pattern": "2:4"},
    "progressive": {"pruning_type": "snip_progressive", "pattern": "4x1", "end_step": 9, "pruning_frequency": 3},
}


@pytest.mark.parametrize("settings", SKIPPED.values(), ids=SKIPPED)
def test_a_layer_that_the_steps_so_far_left_out_waits_and_is_pruned_later(settings):
    """As LayerDrop does."""
    model = Net()
    (pruner,) = pruners_of(model, **{"end_step": 4, **settings})
    dense = model.second.weight.detach().clone()
    zeros = []
    for step in range(10):
        pruner.update(step)
        zeros.append({name: int((matrix == 0).sum()) for name, matrix in matrices_of(model).items()})
        gradients_of(model, step)
        if step < 3:
            model.second.weight.grad = None
        pruner.collect(step)
    first = next(i for i, count in enumerate(zeros) if sum(count.values()))
    assert first <= 3 and zeros[first]["second"] == 0 and zeros[-1]["second"] > 0
    assert pruner.unscored == []
    kept = model.second.weight != 0
    assert torch.equal(model.second.weight[kept], dense[kept])


def test_a_layer_that_no_step_reached_stays_dense():
    model = Net()
    (pruner,) = pruners_of(model, pruning_type="snip", end_step=2)
    for step in range(4):
        pruner.update(step)
        gradients_of(model, step)
        model.second.weight.grad = None
        pruner.collect(step)
    assert pruner.unscored == ["second"] and (model.second.weight != 0).all() and (model.first.weight == 0).any()
    (other,) = pruners_of(model, pruning_type="snip", end_step=2)
    other.load_state_dict(pruner.state_dict())
    assert other.unscored == ["second"]


def test_no_layer_with_a_gradient_up_to_the_last_update(caplog):
    (pruner,) = pruners_of(Net(), pruning_type="snip", end_step=2)
    assert not pruner.update(1)
    assert "No gradient has come to conv, conv2d, first, second yet; nothing is pruned at step 1." in caplog.text
    with pytest.raises(ValueError, match="no gradient to prune by in conv, conv2d, first, second; exclude"):
        pruner.update(2)


def test_bf16_weights_have_float_scores():
    model = Net().bfloat16()
    (pruner,) = pruners_of(model, pruning_type="snip_momentum", end_step=10)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    pruner.collect(0)
    assert {score.dtype for score in pruner.scores.kept.values()} == {torch.float32}
    pruner.update(1)
    assert model.first.weight.dtype is torch.bfloat16


def test_a_criterion_without_gradients_is_asked_for_its_score(monkeypatch):
    squares = Criterion(lambda weight, gradient: weight.square(), needs_gradient=False)
    monkeypatch.setitem(CRITERIA, "magnitude", squares)
    model = Net()
    scores, _ = scores_after(model, 0, pruning_type="magnitude", pattern="1x1")
    assert torch.equal(scores["first"], matrices_of(model)["first"].square())
