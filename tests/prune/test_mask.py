import pytest
import torch

from inc_hf.prune.mask import count_limits, lowest, prune_globally, prune_locally


def slow_global(scores, share, low, high):
    """One unit after the other: the lowest score whose layer may still give one, least shares first."""
    flat = {name: s.flatten().tolist() for name, s in scores.items()}
    limits = {name: count_limits(len(s), low, high) for name, s in flat.items()}
    order = sorted((value, i, j) for i, s in enumerate(flat.values()) for j, value in enumerate(s))
    names, pruned = list(flat), {name: set() for name in flat}
    for _, i, j in order:
        if len(pruned[names[i]]) < limits[names[i]][0]:
            pruned[names[i]].add(j)
    total = round(share * len(order))
    for _, i, j in order:
        if sum(map(len, pruned.values())) < total and len(pruned[names[i]]) < limits[names[i]][1]:
            pruned[names[i]].add(j)
    return {name: [j not in pruned[name] for j in range(len(s))] for name, s in flat.items()}


def kept(masks):
    return {name: mask.flatten().tolist() for name, mask in masks.items()}


@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.2, 1), (0, 0.6), (0.3, 0.7)])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.55, 0.9])
def test_global_masks(share, low, high, ties):
    scores = {"a": torch.rand(5, 4), "b": 10 * torch.rand(3, 7), "c": torch.rand(1, 3) / 10}
    if ties:
        scores = {name: s.mul(2).round() for name, s in scores.items()}
    masks = prune_globally(scores, share, low, high)
    assert {name: mask.shape for name, mask in masks.items()} == {name: s.shape for name, s in scores.items()}
    assert kept(masks) == slow_global(scores, share, low, high)


def test_global_by_hand():
    scores = {"a": torch.tensor([[1.0, 5, 2]]), "b": torch.tensor([[3.0], [4], [9]])}
    assert kept(prune_globally(scores, 0.5)) == {"a": [False, True, False], "b": [False, True, True]}


def test_what_a_full_layer_may_not_give_comes_from_the_others():
    scores = {"small": torch.arange(10.0), "large": torch.arange(100.0, 110)}
    masks = prune_globally(scores, 0.5, high=0.8)
    assert [int((~m).sum()) for m in masks.values()] == [8, 2]
    masks = prune_globally(scores, 0.5, low=0.3)
    assert [int((~m).sum()) for m in masks.values()] == [7, 3]


def test_of_equal_scores_the_first_and_not_one_more():
    masks = prune_globally({"a": torch.zeros(4), "b": torch.zeros(4)}, 0.5)
    assert kept(masks) == {"a": [False] * 4, "b": [True] * 4}


def test_local_masks():
    scores = {"a": torch.tensor([4.0, 3, 2, 1]), "b": torch.tensor([[10.0, 30], [20, 40]])}
    assert kept(prune_locally(scores, 0.5)) == {"a": [True, True, False, False], "b": [False, True, False, True]}
    assert [int((~m).sum()) for m in prune_locally(scores, 0.1, low=0.75).values()] == [3, 3]
    assert [int((~m).sum()) for m in prune_locally(scores, 0.9, high=0.3).values()] == [1, 1]


@pytest.mark.parametrize(
    ("units", "low", "high", "limits"),
    [(12, 0, 0.98, (0, 11)), (100, 0.29, 0.29, (29, 29)), (3, 0.5, 0.5, (1, 1)), (2, 0.1, 1.0, (1, 2))],
)
def test_limits_are_never_rounded_beyond(units, low, high, limits):
    assert count_limits(units, low, high) == limits


@pytest.mark.parametrize("count", [-1, 0, 1, 3, 5, 6])
def test_lowest(count):
    scores = torch.tensor([2.0, 1, 2, 0, 2])
    expected = sorted(range(5), key=lambda i: (scores[i].item(), i))[: max(count, 0)]
    assert lowest(scores, count).nonzero().flatten().tolist() == sorted(expected)


def test_infinite_scores():
    scores = torch.tensor([1.0, -torch.inf, torch.inf, -torch.inf])
    assert lowest(scores, 2).tolist() == [False, True, False, True]
