from math import exp, log

import pytest
import torch
from torch.nn import functional as F

from inc_hf.distill.loss import IGNORED, aligned_labels, distance, feature_loss, logits_loss, masked_mean


def softmax(row, temperature):
    powers = [exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def slow_logits_loss(kind, student, teacher, temperature, kept):
    """In Python floats, row by row."""
    losses = []
    for s_row, t_row, keep in zip(student.tolist(), teacher.tolist(), kept, strict=True):
        if not keep:
            continue
        s, t = softmax(s_row, temperature), softmax(t_row, temperature)
        if kind == "CE":
            losses.append(-sum(q * log(p) for p, q in zip(s, t, strict=True)))
        elif kind == "KL":
            losses.append(sum(q * log(q / p) for p, q in zip(s, t, strict=True)))
        else:
            squares = [((a - b) / temperature) ** 2 for a, b in zip(s_row, t_row, strict=True)]
            losses.append(sum(squares) / len(squares))
    return temperature**2 * sum(losses) / len(losses)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 7.5])
@pytest.mark.parametrize("kind", ["CE", "KL", "MSE"])
def test_against_the_slow_twin(kind, temperature):
    student, teacher = 3 * torch.randn(5, 4), 3 * torch.randn(5, 4)
    kept = [True, False, True, True, False]
    expected = slow_logits_loss(kind, student, teacher, temperature, kept)
    found = logits_loss(kind, student, teacher, temperature, torch.tensor(kept))
    assert found.item() == pytest.approx(expected, rel=1e-5)  # float32 against float64
    every = slow_logits_loss(kind, student, teacher, temperature, [True] * 5)
    assert logits_loss(kind, student, teacher, temperature).item() == pytest.approx(every, rel=1e-5)


def test_by_hand():
    # softmax of [log 3, 0] is [3/4, 1/4], of [0, 0] it is [1/2, 1/2].
    student, teacher = torch.tensor([[0.0, 0.0]]), torch.tensor([[log(3), 0.0]])
    assert logits_loss("CE", student, teacher, 1.0).item() == pytest.approx(log(2))
    entropy = -(0.75 * log(0.75) + 0.25 * log(0.25))
    assert logits_loss("KL", student, teacher, 1.0).item() == pytest.approx(log(2) - entropy)
    assert logits_loss("MSE", student, teacher, 1.0).item() == pytest.approx(log(3) ** 2 / 2)
    # Twice the logits at T = 2 are the same distributions, times T**2.
    assert logits_loss("CE", 2 * student, 2 * teacher, 2.0).item() == pytest.approx(4 * log(2))


def test_kl_is_batchmean_times_t_squared_whatever_the_number_of_classes():
    student, teacher = torch.randn(6, 50), torch.randn(6, 50)
    expected = 9 * F.kl_div((student / 3).log_softmax(-1), (teacher / 3).softmax(-1), reduction="batchmean")
    torch.testing.assert_close(logits_loss("KL", student, teacher, 3.0), expected)
    # Ten more classes that are next to impossible change nothing; the mean over all elements would.
    pad = torch.full((6, 10), -100.0)
    wider = logits_loss("KL", torch.cat([student, pad], 1), torch.cat([teacher, pad], 1), 3.0)
    torch.testing.assert_close(wider, expected)


def test_gradient_does_not_depend_much_on_a_high_temperature():
    """What T**2 is for (Hinton et al. 2015, section 2.1)."""
    teacher, norms = torch.randn(4, 10), []
    for temperature in (20.0, 100.0):
        student = torch.zeros(4, 10, requires_grad=True)
        logits_loss("KL", student, teacher, temperature).backward()
        norms.append(student.grad.norm().item())
    assert norms[0] == pytest.approx(norms[1], rel=0.05)


def test_no_row_left_is_zero_and_has_a_gradient():
    student = torch.randn(3, 2, requires_grad=True)
    loss = logits_loss("KL", student, torch.randn(3, 2), 2.0, torch.zeros(3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0 and not student.grad.any()


def test_what_is_left_out_may_be_infinite():
    rows = torch.tensor([1.0, float("inf"), float("nan"), 3.0])
    assert masked_mean(rows, torch.tensor([True, False, False, True])).item() == 2


def test_half_precision_is_computed_in_float32():
    student, teacher = torch.randn(4, 8).bfloat16(), torch.randn(4, 8).bfloat16()
    found = logits_loss("KL", student, teacher, 2.0)
    assert found.dtype == torch.float32
    assert torch.equal(found, logits_loss("KL", student.float(), teacher.float(), 2.0))


def test_shapes_must_agree():
    with pytest.raises(ValueError) as caught:
        logits_loss("KL", torch.zeros(4, 2), torch.zeros(4, 3), 1.0)
    assert "student's logits have the shape (4, 2), the teacher's (4, 3); they must be equal." in str(caught.value)


@pytest.mark.parametrize("kind, power", [("MSE", 2), ("L1", 1)])
def test_feature_loss_leaves_padding_out_per_sample(kind, power):
    student, teacher = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    mask = torch.tensor([[True, True, False], [True, False, False]])
    samples = []
    for sample, length in ((0, 2), (1, 1)):
        values = [
            abs(student[sample, i, j].item() - teacher[sample, i, j].item()) ** power
            for i in range(length)
            for j in range(4)
        ]
        samples.append(sum(values) / len(values))
    assert feature_loss(kind, student, teacher, mask).item() == pytest.approx(sum(samples) / 2, rel=1e-5)
    plain = (student - teacher).abs().pow(power).mean()
    torch.testing.assert_close(feature_loss(kind, student, teacher), plain)


def test_a_batch_and_its_parts_agree_though_they_are_padded_differently():
    student, teacher = torch.randn(4, 5, 3), torch.randn(4, 5, 3)
    mask = torch.arange(5) < torch.tensor([[5], [2], [1], [2]])
    whole = feature_loss("MSE", student, teacher, mask)
    first = feature_loss("MSE", student[:2], teacher[:2], mask[:2])
    second = feature_loss("MSE", student[2:, :2], teacher[2:, :2], mask[2:, :2])
    torch.testing.assert_close(whole, (first + second) / 2)


def test_feature_kl():
    student, teacher = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    expected = F.kl_div(student.log_softmax(-1), teacher.softmax(-1), reduction="none").sum(-1).mean()
    torch.testing.assert_close(feature_loss("KL", student, teacher), expected, rtol=1e-5, atol=1e-6)
    # Attention weights are probabilities already.
    found = feature_loss("KL", student.softmax(-1), teacher.softmax(-1))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_feature_loss_of_a_function():
    student, teacher, mask = torch.randn(2, 3, 4), torch.randn(2, 3, 4), torch.tensor([[True, True, False]] * 2)
    assert torch.equal(feature_loss(F.l1_loss, student, teacher), F.l1_loss(student, teacher))
    assert torch.equal(feature_loss(F.l1_loss, student, teacher, mask), F.l1_loss(student[:, :2], teacher[:, :2]))


def test_distance_is_the_mean_over_samples():
    student = torch.tensor([[[3.0, 4.0]], [[0.0, 0.0]]], requires_grad=True)
    loss = distance(student, torch.zeros(2, 1, 2))
    loss.backward()
    assert loss.item() == 2.5  # (5 + 0) / 2
    assert student.grad.isfinite().all()  # also where two features are equal


def test_aligned_labels():
    labels = torch.tensor([[7, 8, 9], [1, IGNORED, 2]])
    assert torch.equal(aligned_labels(labels, False), labels)
    assert aligned_labels(labels, True).tolist() == [[8, 9, IGNORED], [IGNORED, 2, IGNORED]]
