import pytest
import torch
from torch import nn

from inc_hf.config import IntermediateLayersKnowledgeDistillationLossConfig as LayersConfig
from inc_hf.distill import Signals
from inc_hf.distill.layers import LayersCriterion, restore_projections


def signals(student, teacher, **values):
    return Signals(student={}, student_layers=student, teacher_layers=teacher, **values)


def feature(*shape):
    return torch.randn(*shape, requires_grad=True)


def test_weighted_sum_of_the_mappings():
    student, teacher = {"a": feature(2, 3, 4), "b": feature(2, 5)}, {"c": torch.randn(2, 3, 4), "d": torch.randn(2, 5)}
    criterion = LayersCriterion(LayersConfig([["a", "c"], ["b", "d"]], ["MSE", "L1"], [0.25, 1.0]))
    expected = 0.25 * (student["a"] - teacher["c"]).square().mean() + (student["b"] - teacher["d"]).abs().mean()
    torch.testing.assert_close(criterion(signals(student, teacher)), expected)
    assert list(criterion.parameters()) == []
    assert (criterion.student_layer_names, criterion.teacher_layer_names) == (("a", "b"), ("c", "d"))
    assert criterion.student_weight == 0 and not criterion.needs_teacher_logits


def test_origin_loss_and_a_module_as_loss():
    loss = nn.SmoothL1Loss()
    criterion = LayersCriterion(LayersConfig([["a", "c"]], [loss], add_origin_loss=True))
    assert criterion.student_weight == 1
    student, teacher = feature(2, 3), torch.randn(2, 3)
    torch.testing.assert_close(criterion(signals({"a": student}, {"c": teacher})), loss(student, teacher))


def test_pickers():
    criterion = LayersCriterion(LayersConfig([[("a", "1"), ("c", lambda output: output["x"] * 2)]]))
    student, teacher = feature(2, 3), torch.randn(2, 3)
    found = criterion(signals({"a": (None, student)}, {"c": {"x": teacher / 2}}))
    torch.testing.assert_close(found, (student - teacher).square().mean())


def test_each_mapping_has_its_own_projection_although_two_share_a_layer():
    criterion = LayersCriterion(LayersConfig([["a", "c"], ["a", "d"]]), seed=5)
    student, teacher = {"a": feature(2, 3, 4)}, {"c": torch.randn(2, 3, 6), "d": torch.randn(2, 3, 6)}
    found = criterion(signals(student, teacher))
    first, second = criterion.projections["0"], criterion.projections["1"]
    assert not torch.equal(first.weight, second.weight)
    losses = [
        (linear(student["a"]) - target).square().mean()
        for linear, target in ((first, teacher["c"]), (second, teacher["d"]))
    ]
    torch.testing.assert_close(found, sum(losses) / 2)
    found.backward()
    assert all(parameter.grad.any() for parameter in criterion.parameters())
    assert student["a"].grad.any()
    criterion(signals(student, teacher))
    assert criterion.projections["0"] is first  # made once


@pytest.mark.parametrize("name, used", [("encoder.a", "encoder"), ("model.decoder.a", "decoder")])
def test_padding_is_left_out_by_the_mask_of_the_side(name, used):
    masks = {"encoder": torch.tensor([[1, 0], [1, 0]]), "decoder": torch.tensor([[0, 1], [0, 1]]).bool()}
    student, teacher = feature(2, 2, 3), torch.randn(2, 2, 3)
    criterion = LayersCriterion(LayersConfig([[name, "c"]]))
    found = criterion(
        signals({name: student}, {"c": teacher}, encoder_mask=masks["encoder"], decoder_mask=masks["decoder"])
    )
    column = 0 if used == "encoder" else 1
    torch.testing.assert_close(found, (student[:, column] - teacher[:, column]).square().mean())


@pytest.mark.parametrize(
    "student, teacher, text",
    [
        ({}, {"c": torch.zeros(2, 3)}, "student layer 'a': the layer was not called in the forward pass"),
        ({"a": torch.zeros(2, 3)}, {"c": torch.zeros(2, 3)}, "no gradient flows through its output"),
        ({"a": feature(2, 3)}, {}, "layer_mappings[0], teacher layer 'c': the layer was not called"),
        ({"a": feature(2, 3, 4)}, {"c": torch.zeros(2, 4, 5)}, "(2, 3, 4), the teacher's (2, 4, 5); only one"),
        ({"a": [1]}, {"c": torch.zeros(2, 3)}, "the feature must be a tensor, got int"),
    ],
    ids=["student", "gradient", "teacher", "shape", "type"],
)
def test_errors(student, teacher, text):
    criterion = LayersCriterion(LayersConfig([["a", "c"]]))
    with pytest.raises(ValueError) as caught:
        criterion(signals(student, teacher))
    assert "layer_mappings[0]" in str(caught.value) and text in str(caught.value)


def test_no_mapping():
    with pytest.raises(ValueError, match="`layer_mappings` of the Intermediate.* is empty; give at least one pair"):
        LayersCriterion(LayersConfig())


def test_projections_are_restored():
    config = LayersConfig([["a", "c"], ["b", "c"]])
    trained, fresh = nn.ModuleList([LayersCriterion(config, 1)]), nn.ModuleList([LayersCriterion(config, 2)])
    student = {"a": feature(2, 3), "b": feature(2, 5)}
    trained[0](signals(student, {"c": torch.zeros(2, 5)}))
    assert list(trained[0].projections) == ["0"]
    restore_projections(fresh, trained.state_dict())
    assert torch.equal(fresh[0].projections["0"].weight, trained[0].projections["0"].weight)
    assert torch.equal(fresh[0].projections["0"].bias, trained[0].projections["0"].bias)
    restore_projections(nn.ModuleList([LayersCriterion(config)]), {})
    with pytest.raises(ValueError, match="has a projection '0.projections.0', which this `criterion` does not"):
        restore_projections(nn.ModuleList([nn.Linear(2, 2)]), trained.state_dict())
