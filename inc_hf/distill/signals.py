"""What a student and its teacher have computed, and what a loss of these looks like."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn


@dataclass
class Signals:
    """What a student and its teacher have computed for one batch.

    Args:
        student (`dict`): the student's output by key.
        teacher (`dict`): the teacher's output by key; `{"logits": ...}` where logits are all there is.
        student_layers, teacher_layers (`dict`): name of a module -> its output.
        token_mask (`torch.Tensor` of shape `(batch, tokens)`, *optional*): True where the logits of a token count.
        encoder_mask, decoder_mask (`torch.Tensor` of shape `(batch, tokens)`, *optional*): 0 for padding.
    """

    student: Mapping[str, Any]
    teacher: Mapping[str, Any] = field(default_factory=dict)
    student_layers: Mapping[str, Any] = field(default_factory=dict)
    teacher_layers: Mapping[str, Any] = field(default_factory=dict)
    token_mask: Tensor | None = None
    encoder_mask: Tensor | None = None
    decoder_mask: Tensor | None = None


class Criterion(nn.Module):
    """Base of the losses: `forward` gives the weighted loss without the student's own, which counts `student_weight`
    times. Its parameters are projections, which appear when they are first needed."""

    student_weight: float = 0.0
    needs_teacher_logits = False
    student_layer_names: tuple[str, ...] = ()
    teacher_layer_names: tuple[str, ...] = ()

    def forward(self, signals: Signals) -> Tensor:
        raise NotImplementedError
