import pytest
import torch

from inc_hf.config import IntermediateLayersKnowledgeDistillationLossConfig as LayersConfig
from inc_hf.config import KnowledgeDistillationLossConfig as LogitsConfig
from inc_hf.config import SelfKnowledgeDistillationLossConfig as SelfConfig
from inc_hf.distill import Signals, build_criterion
from inc_hf.distill.loss import distance, logits_loss


def logits_config(kind="KL", weight=0.25, temperature=2.0):
    return LogitsConfig(temperature, ["CE", kind], [1 - weight, weight])


@pytest.mark.parametrize("kind", ["CE", "KL", "MSE"])
def test_logits(kind):
    student, teacher = torch.randn(4, 3), torch.randn(4, 3)
    criterion = build_criterion(logits_config(kind))
    found = criterion(Signals({"logits": student}, {"logits": teacher}))
    torch.testing.assert_close(found, 0.25 * logits_loss(kind, student, teacher, 2.0))
    assert criterion.student_weight == 0.75 and criterion.needs_teacher_logits


def test_tokens_are_left_out_where_the_mask_fits():
    student, teacher = torch.randn(2, 3, 5), torch.randn(2, 3, 5)
    mask = torch.tensor([[True, False, True], [False, True, False]])
    criterion = build_criterion(logits_config(weight=1.0))
    found = criterion(Signals({"logits": student}, {"logits": teacher}, token_mask=mask))
    torch.testing.assert_close(found, logits_loss("KL", student[mask], teacher[mask], 2.0))
    pooled = criterion(Signals({"logits": student[:, 0]}, {"logits": teacher[:, 0]}, token_mask=mask))
    torch.testing.assert_close(pooled, logits_loss("KL", student[:, 0], teacher[:, 0], 2.0))


def test_question_answering_is_the_mean_of_start_and_end():
    student = {"start_logits": torch.randn(4, 4), "end_logits": torch.randn(4, 4)}
    teacher = {"start_logits": torch.randn(4, 4), "end_logits": torch.randn(4, 4)}
    mask = torch.zeros(4, dtype=torch.bool)  # has the shape of one score per sequence, but there are no tokens
    found = build_criterion(logits_config(weight=1.0))(Signals(student, teacher, token_mask=mask))
    start, end = (logits_loss("KL", student[key], teacher[key], 2.0) for key in ("start_logits", "end_logits"))
    torch.testing.assert_close(found, (start + end) / 2)


def test_without_weight_the_teacher_is_not_needed():
    criterion = build_criterion(logits_config(weight=0.0))
    assert not criterion.needs_teacher_logits
    assert criterion(Signals({"logits": torch.randn(4, 3)})) == 0


def test_self_distillation_adds_each_group_once():
    groups = [[["f0", "f2"], ["f1", "f2"]], [["l0", "l2"]], [["l1", "l2"]]]
    outputs = {name: torch.randn(4, 3, requires_grad=True) for name in ("f0", "f1", "f2", "l0", "l1", "l2")}
    criterion = build_criterion(SelfConfig(groups, 3.0, ["L2", "KL", "CE"], [0.5, 0.25, 1.0], add_origin_loss=True))
    found = criterion(Signals(outputs))
    expected = (
        0.5 * (distance(outputs["f0"], outputs["f2"]) + distance(outputs["f1"], outputs["f2"]))
        + 0.25 * logits_loss("KL", outputs["l0"], outputs["l2"], 3.0)
        + logits_loss("CE", outputs["l1"], outputs["l2"], 3.0)
    )
    torch.testing.assert_close(found, expected)
    found.backward()
    assert outputs["f0"].grad.any() and outputs["l1"].grad.any()
    assert outputs["f2"].grad is None and outputs["l2"].grad is None  # the deep ones teach
    assert criterion.student_weight == 1 and not criterion.needs_teacher_logits


def test_several_losses_are_added():
    student, teacher = torch.randn(4, 3), torch.randn(4, 3)
    feature, target = torch.randn(4, 2, requires_grad=True), torch.randn(4, 2)
    config = [LayersConfig([["a", "c"]], add_origin_loss=True), logits_config(), logits_config("MSE")]
    criterion = build_criterion(config)
    found = criterion(Signals({"logits": student}, {"logits": teacher}, {"a": feature}, {"c": target}))
    logits = [0.25 * logits_loss(kind, student, teacher, 2.0) for kind in ("KL", "MSE")]
    torch.testing.assert_close(found, (feature - target).square().mean() + sum(logits))
    assert criterion.student_weight == 2.5
    assert (criterion.student_layer_names, criterion.teacher_layer_names) == (("a",), ("c",))


@pytest.mark.parametrize(
    "config, student, teacher, text",
    [
        (logits_config(), {"loss": 1}, {}, "The student's output has no tensor 'logits', only the keys loss"),
        (logits_config(), {"logits": 0}, {"logit": 0}, "The teacher's output has no tensor 'logits', only the keys "),
        (logits_config(), {"start_logits": 0, "end_logits": 0}, {"logits": 0}, "no tensor 'start_logits'"),
        (SelfConfig([[["a", "b"]]]), {"b": 0}, {}, "The student's output has no tensor 'a', only the keys b"),
        (
            SelfConfig([[["a", "logits"]]]),
            {"a": 1, "logits": 0},
            {},
            "outputs 'a', 'logits' have the shapes (4, 5) and",
        ),
    ],
    ids=["student", "teacher", "question answering", "self", "self shape"],
)
def test_errors(config, student, teacher, text):
    shapes = {0: (4, 3), 1: (4, 5)}
    student = {key: None if key == "loss" else torch.zeros(shapes[value]) for key, value in student.items()}
    teacher = {key: torch.zeros(shapes[value]) for key, value in teacher.items()}
    with pytest.raises(ValueError) as caught:
        build_criterion(config)(Signals(student, teacher))
    assert text in str(caught.value)


def test_near_key_is_suggested():
    with pytest.raises(ValueError, match="did you mean 'logit'"):
        build_criterion(logits_config())(Signals({"logits": torch.zeros(1, 2)}, {"logit": torch.zeros(1, 2)}))


def test_self_distillation_needs_groups():
    with pytest.raises(ValueError, match="`layer_mappings` of the Self.* is empty"):
        build_criterion(SelfConfig())
