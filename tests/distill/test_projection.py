import pytest
import torch
from torch import nn

from inc_hf.distill.projection import ProjectionOptimizer, differing_dim, make_projection, project


@pytest.mark.parametrize(
    "student, teacher, dim", [((2, 5, 3), (2, 5, 3), None), ((2, 5, 3), (2, 5, 4), 2), ((2, 3, 7, 7), (2, 9, 7, 7), 1)]
)
def test_differing_dim(student, teacher, dim):
    assert differing_dim(torch.zeros(student), torch.zeros(teacher), "here") == dim


@pytest.mark.parametrize("teacher", [(2, 6, 4), (3, 5, 3), (2, 5), (2, 5, 3, 1)], ids=["two", "batch", "less", "more"])
def test_what_cannot_be_projected(teacher):
    with pytest.raises(ValueError, match="only one dimension after the batch may differ"):
        differing_dim(torch.zeros(2, 5, 3), torch.zeros(teacher), "here")


def test_projection_is_that_of_the_seed_and_draws_no_number_of_the_training():
    torch.manual_seed(3)
    linear = make_projection(3, 4, seed=1)
    after = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(after, torch.rand(1))
    assert torch.equal(linear.weight, make_projection(3, 4, seed=1).weight)
    assert not torch.equal(linear.weight, make_projection(3, 4, seed=2).weight)
    assert 0.3 < linear.weight.abs().max() <= 3**-0.5


def test_project_maps_one_dimension():
    linear, feature = make_projection(3, 4, 0), torch.randn(2, 3, 5)
    expected = torch.einsum("oc,bcx->box", linear.weight, feature) + linear.bias[None, :, None]
    torch.testing.assert_close(project(linear, feature, 1, "here"), expected)
    with pytest.raises(ValueError, match="here: dimension 1 of the student's feature is 2, before it was 3"):
        project(linear, feature[:, :2], 1, "here")


def train(criterion, optimizer, steps):
    for step in range(steps):
        criterion["a"](torch.ones(1, 2)).square().sum().backward()
        optimizer.step(0.1 / (1 + step))


def test_steps_are_those_of_adamw():
    criterion, twin = nn.ModuleDict({"a": make_projection(2, 2, 0)}), make_projection(2, 2, 0)
    plain = torch.optim.AdamW(twin.parameters(), lr=0.1, weight_decay=0.0)
    train(criterion, ProjectionOptimizer(criterion), 3)
    for step in range(3):
        plain.param_groups[0]["lr"] = 0.1 / (1 + step)
        plain.zero_grad()
        twin(torch.ones(1, 2)).square().sum().backward()
        plain.step()
    assert torch.equal(criterion["a"].weight, twin.weight)
    assert criterion["a"].weight.grad is None


def test_state_continues_with_the_same_bits(tmp_path):
    whole = nn.ModuleDict({"a": make_projection(2, 2, 0)})
    train(whole, ProjectionOptimizer(whole), 4)
    half = nn.ModuleDict({"a": make_projection(2, 2, 0)})
    optimizer = ProjectionOptimizer(half)
    train(half, optimizer, 2)
    torch.save({"weights": half.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "state.pt")
    saved = torch.load(tmp_path / "state.pt", weights_only=True)
    rest = nn.ModuleDict({"a": make_projection(2, 2, 9)})
    rest.load_state_dict(saved["weights"])
    optimizer = ProjectionOptimizer(rest, saved["optimizer"])
    assert optimizer.state_dict() == saved["optimizer"]  # before the first step
    for step in (2, 3):
        rest["a"](torch.ones(1, 2)).square().sum().backward()
        optimizer.step(0.1 / (1 + step))
    assert torch.equal(rest["a"].weight, whole["a"].weight)


def test_nothing_to_train():
    optimizer = ProjectionOptimizer(nn.ModuleDict())
    optimizer.step(0.1)
    assert optimizer.state_dict() is None
