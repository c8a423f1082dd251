"""Losses of knowledge distillation, as pure functions of tensors. All compute in float32.

Sources: the softened softmax and the factor T**2 are those of Hinton et al. 2015 (arXiv 1503.02531); the names of the
losses are those of Intel Neural Compressor 2.X.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from inc_hf.errors import UsageError

IGNORED = -100  # the label of positions that no loss counts, as in torch and transformers


def _cross_entropy(student: Tensor, teacher: Tensor) -> Tensor:
    return -(teacher.softmax(-1) * student.log_softmax(-1)).sum(-1)


def _kl_divergence(student: Tensor, teacher: Tensor) -> Tensor:
    log_teacher = teacher.log_softmax(-1)
    return F.kl_div(student.log_softmax(-1), log_teacher, reduction="none", log_target=True).sum(-1)


def _squared_error(student: Tensor, teacher: Tensor) -> Tensor:
    return (student - teacher).square().mean(-1)


def _absolute_error(student: Tensor, teacher: Tensor) -> Tensor:
    return (student - teacher).abs().mean(-1)


def _probability_divergence(student: Tensor, teacher: Tensor) -> Tensor:
    student, teacher = _as_probabilities(student), _as_probabilities(teacher)
    return (teacher * ((teacher + 1e-9).log() - (student + 1e-9).log())).sum(-1)


def _as_probabilities(values: Tensor) -> Tensor:
    """`values` if the last dimension already holds probabilities, such as attention weights, otherwise its softmax."""
    sums = values.sum(-1)
    if bool((values >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-3):
        return values
    return values.softmax(-1)


# Each gives one loss per row: (..., classes) twice -> (...)
LOGITS_LOSSES = {"CE": _cross_entropy, "KL": _kl_divergence, "MSE": _squared_error}
FEATURE_LOSSES = {"MSE": _squared_error, "KL": _probability_divergence, "L1": _absolute_error}


def logits_loss(kind: str, student: Tensor, teacher: Tensor, temperature: float, mask: Tensor | None = None) -> Tensor:
    """`T**2 * loss(student / T, teacher / T)`, the mean over the rows that are left in.

    `"CE"` is `-sum(softmax(teacher / T) * log_softmax(student / T))`. `"KL"` is the Kullback-Leibler divergence of one
    row, summed over its classes, so that its mean is what torch calls `batchmean`, times `T**2`; INC's mean over all
    elements depends on the number of classes. `"MSE"` is the mean over the classes.

    Args:
        student (`torch.Tensor` of shape `(..., classes)`): logits that are trained.
        teacher (`torch.Tensor` of shape `(..., classes)`): logits to come near to.
        temperature (`float`): what both are divided by, more than 0.
        mask (`torch.Tensor` of shape `(...)`, *optional*): True for the rows to count. The loss is 0 without any.

    Raises:
        ValueError: the two shapes differ.
    """
    if student.shape != teacher.shape:
        raise UsageError(
            f"The student's logits have the shape {tuple(student.shape)}, the teacher's {tuple(teacher.shape)}; they "
            "must be equal. Use a teacher with the same labels or vocabulary, and pad inputs of both in the same way."
        )
    rows = LOGITS_LOSSES[kind](student.float() / temperature, teacher.float() / temperature)
    return masked_mean(rows, mask) * temperature**2


def feature_loss(
    kind: str | Callable[[Tensor, Tensor], Tensor], student: Tensor, teacher: Tensor, mask: Tensor | None = None
) -> Tensor:
    """Loss between features of equal shape: the mean over samples of the mean over the rows that are left in.

    The mean is taken per sample first so that a batch and its parts, padded to different lengths, agree.

    Args:
        kind: `"MSE"`, `"L1"`, `"KL"` (of the softmax over the last dimension, unless that holds probabilities
            already), or a function of the two tensors, which with a mask gets them as `(rows left in, width)`.
        student (`torch.Tensor` of shape `(batch, ..., width)`): features that are trained.
        teacher (`torch.Tensor` of the same shape): features to come near to.
        mask (`torch.Tensor` of shape `(batch, tokens)`, *optional*): True for the rows to count; for features of
            shape `(batch, tokens, width)`.
    """
    student, teacher = student.float(), teacher.float()
    if callable(kind):
        return kind(student, teacher) if mask is None else kind(student[mask], teacher[mask])
    rows = FEATURE_LOSSES[kind](student, teacher)
    if mask is None:
        return rows.mean()
    kept = torch.where(mask, rows, 0.0).sum(1)
    return (kept / mask.sum(1).clamp(min=1)).mean()


def distance(student: Tensor, teacher: Tensor) -> Tensor:
    """INC's `"L2"`: the Euclidean distance of two tensors of shape `(batch, ...)`, the mean over the samples.

    INC takes one distance over the whole batch, which grows with the size of the batch.
    """
    return torch.linalg.vector_norm((student.float() - teacher.float()).flatten(1), dim=1).mean()


def masked_mean(rows: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of `rows` where `mask`, of the same shape, is True; 0 if it is nowhere."""
    if mask is None:
        return rows.mean()
    # Not a product: what is left out may be infinite.
    return torch.where(mask, rows, 0.0).sum() / mask.sum().clamp(min=1)


def aligned_labels(labels: Tensor, shifted: bool) -> Tensor:
    """Labels such that position i is what the logits at i predict: for a causal LM the labels one step to the left."""
    return F.pad(labels[..., 1:], (0, 1), value=IGNORED) if shifted else labels
