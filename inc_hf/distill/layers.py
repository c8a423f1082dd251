"""The loss between the inner layers of two models."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.config import IntermediateLayersKnowledgeDistillationLossConfig
from inc_hf.distill.features import padding_mask, pick
from inc_hf.distill.loss import feature_loss
from inc_hf.distill.projection import differing_dim, make_projection, project
from inc_hf.distill.signals import Criterion, Signals
from inc_hf.errors import UsageError


class LayersCriterion(Criterion):
    """Sum of `w_i * loss_i(projection_i(student_layer), teacher_layer)`; projections only where the widths differ."""

    def __init__(self, config: IntermediateLayersKnowledgeDistillationLossConfig, seed: int = 0):
        super().__init__()
        if not config.layer_mappings:
            raise UsageError(
                "`layer_mappings` of the IntermediateLayersKnowledgeDistillationLossConfig is empty; give at least "
                "one pair of layers, such as `[('bert.encoder.layer.1',), ('bert.encoder.layer.3',)]`."
            )
        self.mappings = config.layer_mappings
        # A tuple, so that parameters of a loss that is a module are not taken for projections.
        self.losses = tuple(zip(config.loss_types, config.loss_weights, strict=True))
        self.student_weight = float(config.add_origin_loss)
        self.student_layer_names = tuple(student[0] for student, _ in self.mappings)
        self.teacher_layer_names = tuple(teacher[0] for _, teacher in self.mappings)
        self.projections = nn.ModuleDict()
        self.seed = seed

    def forward(self, signals: Signals) -> Tensor:
        terms = [weight * self._loss(i, kind, signals) for i, (kind, weight) in enumerate(self.losses)]
        return torch.stack(terms).sum()

    def _loss(self, index: int, kind: Any, signals: Signals) -> Tensor:
        student, teacher = self._features(index, signals)
        name = self.student_layer_names[index]
        where = _student_side(index, name)
        dim = differing_dim(student, teacher, where)
        if dim is not None:
            student = project(self._projection(index, student, teacher, dim), student, dim, where)
        in_decoder = "decoder" in name.split(".")
        mask = padding_mask(teacher, signals.decoder_mask if in_decoder else signals.encoder_mask)
        return feature_loss(kind, student, teacher, mask)

    def _features(self, index: int, signals: Signals) -> tuple[Tensor, Tensor]:
        (name, *picker), (teacher_name, *teacher_picker) = self.mappings[index]
        where = _student_side(index, name)
        student = pick(_called(signals.student_layers, name, where), *(picker or [None]), where)
        if not student.requires_grad:
            raise UsageError(
                f"{where}: no gradient flows through its output, so nothing can be learned from it. Train its "
                "weights, and with gradient checkpointing set `use_reentrant=False`."
            )
        where = f"layer_mappings[{index}], teacher layer {teacher_name!r}"
        return student, pick(_called(signals.teacher_layers, teacher_name, where), *(teacher_picker or [None]), where)

    def _projection(self, index: int, student: Tensor, teacher: Tensor, dim: int) -> nn.Linear:
        if str(index) not in self.projections:
            linear = make_projection(student.shape[dim], teacher.shape[dim], self.seed + index)
            self.projections[str(index)] = linear.to(student.device)
        return self.projections[str(index)]


def restore_projections(criterion: nn.Module, saved: Mapping[str, Tensor]) -> None:
    """Give `criterion` the projections of which `saved` is the `state_dict()`, in place.

    Raises:
        ValueError: they are not those of this criterion.
    """
    for name, weight in saved.items():
        path, _, parameter = name.rpartition(".")
        parent, _, index = path.rpartition(".")
        modules = dict(criterion.named_modules())
        if not isinstance(modules.get(parent), nn.ModuleDict):
            raise UsageError(
                f"The checkpoint has a projection {path!r}, which this `criterion` does not; resume with the "
                "DistillationConfig that the checkpoint was made with."
            )
        if parameter == "weight":
            modules[parent][index] = make_projection(weight.shape[1], weight.shape[0], 0).to(weight.device)
    criterion.load_state_dict(saved)


def _student_side(index: int, name: str) -> str:
    return f"layer_mappings[{index}], student layer {name!r}"


def _called(layers: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in layers:
        raise UsageError(f"{where}: the layer was not called in the forward pass; choose one that is.")
    return layers[name]
