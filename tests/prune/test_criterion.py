import pytest
import torch

from inc_hf.prune.criterion import CRITERIA, criterion_of

W = torch.tensor([1.0, -2, 3])
G = torch.tensor([-4.0, 5, 0.5])
SCORES = {
    "magnitude": [1, 2, 3],
    "gradient": [4, 5, 0.5],
    "snip": [4, 10, 1.5],
    "snip_momentum": [4, 10, 1.5],
    "block_mask": [-4, -10, 1.5],
    "pattern_lock": [1, 2, 3],
}


def test_every_criterion_has_scores_by_hand():
    assert not CRITERIA.keys() - SCORES.keys(), "write down what it gives for W and G"


@pytest.mark.parametrize("name", SCORES)
def test_by_hand(name):
    assert CRITERIA[name].score(W, G).tolist() == SCORES[name]


@pytest.mark.parametrize("name", CRITERIA)
def test_momentum(name):
    old, new = torch.tensor([10.0]), torch.tensor([1.0])
    assert CRITERIA[name].update(None, new).item() == 1
    expected = 10 * 0.9 + 1 if CRITERIA[name].momentum else 1
    assert CRITERIA[name].update(old, new).item() == expected


def test_those_with_momentum():
    assert CRITERIA["snip_momentum"].momentum and not CRITERIA["snip"].momentum


@pytest.mark.parametrize("name", ["magnitude", "gradient", "snip", "snip_momentum"])
def test_progressive_types_share_the_criterion(name):
    assert criterion_of(f"{name}_progressive") is CRITERIA[name]


def test_types_for_finished_models_are_refused():
    with pytest.raises(ValueError, match="'retrain_free' is not for training; choose one of magnitude, gradient"):
        criterion_of("retrain_free")
