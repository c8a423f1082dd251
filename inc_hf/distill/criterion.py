"""From a loss config to a module that computes the loss of one batch."""

from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.config import KnowledgeDistillationLossConfig, SelfKnowledgeDistillationLossConfig
from inc_hf.distill.layers import LayersCriterion
from inc_hf.distill.loss import distance, logits_loss
from inc_hf.distill.outputs import output_of
from inc_hf.distill.signals import Criterion, Signals
from inc_hf.errors import UsageError


class LogitsCriterion(Criterion):
    """`w1 * T**2 * loss(student / T, teacher / T)` of the logits, or the mean of that of start and end logits."""

    def __init__(self, config: KnowledgeDistillationLossConfig):
        super().__init__()
        self.kind = config.loss_types[1]
        self.temperature = config.temperature
        self.student_weight, self.weight = config.loss_weights
        self.needs_teacher_logits = self.weight > 0

    def forward(self, signals: Signals) -> Tensor | float:
        if not self.needs_teacher_logits:
            return 0.0
        keys = ("start_logits", "end_logits") if "start_logits" in signals.student else ("logits",)
        losses = [self._loss(key, signals) for key in keys]
        return self.weight * sum(losses) / len(losses)

    def _loss(self, key: str, signals: Signals) -> Tensor:
        student = output_of(signals.student, key, "student")
        teacher = output_of(signals.teacher, key, "teacher")
        mask = signals.token_mask
        # Positions are the classes of start and end logits, and a sequence has no tokens to leave out.
        fits = key == "logits" and mask is not None and mask.shape == student.shape[:-1]
        return logits_loss(self.kind, student, teacher, self.temperature, mask if fits else None)


class SelfCriterion(Criterion):
    """Sum over groups of `w_g * sum over pairs of loss_g(shallow, deep)`; the deep output gets no gradient.

    `"CE"` and `"KL"` are those of [`logits_loss`], with the temperature and `T**2`; `"L2"` is [`distance`].
    """

    def __init__(self, config: SelfKnowledgeDistillationLossConfig):
        super().__init__()
        if not config.layer_mappings:
            raise UsageError(
                "`layer_mappings` of the SelfKnowledgeDistillationLossConfig is empty; give at least one group of "
                "pairs of the student's outputs, such as `[[['shallow_logits', 'logits']]]`."
            )
        self.groups = list(zip(config.layer_mappings, config.loss_types, config.loss_weights, strict=True))
        self.temperature = config.temperature
        self.student_weight = float(config.add_origin_loss)

    def forward(self, signals: Signals) -> Tensor:
        terms = []
        for pairs, kind, weight in self.groups:
            for shallow, deep in pairs:
                student = output_of(signals.student, shallow, "student")
                teacher = output_of(signals.student, deep, "student").detach()
                terms.append(weight * self._loss(kind, student, teacher, signals.token_mask, f"{shallow!r}, {deep!r}"))
        return torch.stack(terms).sum()

    def _loss(self, kind: str, student: Tensor, teacher: Tensor, mask: Tensor | None, pair: str) -> Tensor:
        if student.shape != teacher.shape:
            raise UsageError(
                f"The outputs {pair} have the shapes {tuple(student.shape)} and {tuple(teacher.shape)}; "
                "they must be equal."
            )
        if kind == "L2":
            return distance(student, teacher)
        fits = mask is not None and mask.shape == student.shape[:-1]
        return logits_loss(kind, student, teacher, self.temperature, mask if fits else None)


class SumCriterion(Criterion):
    """Several losses, added."""

    def __init__(self, parts: list[Criterion]):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.student_weight = sum(part.student_weight for part in parts)
        self.needs_teacher_logits = any(part.needs_teacher_logits for part in parts)
        self.student_layer_names = tuple(name for part in parts for name in part.student_layer_names)
        self.teacher_layer_names = tuple(name for part in parts for name in part.teacher_layer_names)

    def forward(self, signals: Signals) -> Tensor:
        return sum(part(signals) for part in self.parts)


def build_criterion(config: Any, seed: int = 0) -> SumCriterion:
    """The criterion of one loss config, or of a list of them, whose losses are added.

    Args:
        config: what `DistillationConfig.criterion` holds.
        seed (`int`, *optional*, defaults to 0): of the first values of projections.

    Raises:
        ValueError: a loss config has no `layer_mappings`.
    """
    configs = config if isinstance(config, list) else [config]
    return SumCriterion([_build_part(item, seed + 1000 * i) for i, item in enumerate(configs)])


def _build_part(config: Any, seed: int) -> Criterion:
    if isinstance(config, KnowledgeDistillationLossConfig):
        return LogitsCriterion(config)
    if isinstance(config, SelfKnowledgeDistillationLossConfig):
        return SelfCriterion(config)
    return LayersCriterion(config, seed)
