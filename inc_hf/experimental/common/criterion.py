"""The losses of INC 1.X under their names there: each has a config of 2.X, and `distill` computes it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.config import IntermediateLayersKnowledgeDistillationLossConfig, KnowledgeDistillationLossConfig
from inc_hf.config.checks import check_choice
from inc_hf.config.elsewhere import TENSORFLOW, check_framework, elsewhere
from inc_hf.distill import Signals, build_criterion
from inc_hf.distill.outputs import as_mapping
from inc_hf.errors import UsageError
from inc_hf.evaluation.answers import logits_of
from inc_hf.quantize.workflow import evaluating, run

LOSSES = {"CE": nn.CrossEntropyLoss, "MSE": nn.MSELoss}


class DistillationLoss:
    """What both losses share: `config` is what a [`DistillationConfig`] takes."""

    config: Any

    def __init__(self, student_model: nn.Module | None = None, teacher_model: nn.Module | None = None):
        self.student_model, self.teacher_model = student_model, teacher_model
        self.teacher_outputs: Any = None

    def teacher_model_forward(self, input: Any, teacher_model: nn.Module | None = None, device: Any = None) -> Any:
        """What the teacher says to a batch, without gradients; kept as `teacher_outputs`."""
        model = self.teacher_model if teacher_model is None else teacher_model
        if model is None:
            raise UsageError("There is no teacher: set `teacher_model`, or pass it to `teacher_model_forward`.")
        model = model if device is None else model.to(device)
        with torch.no_grad(), evaluating(model):
            self.teacher_outputs = run(model, input)
        return self.teacher_outputs

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config})"


class PyTorchKnowledgeDistillationLoss(DistillationLoss):
    """From the teacher's logits, see [`KnowledgeDistillationLossConfig`]. Called with outputs and labels it is the
    student's own loss."""

    def __init__(
        self,
        temperature: float = 1.0,
        loss_types: list[str] | tuple[str, ...] = ("CE", "CE"),
        loss_weights: list[float] | tuple[float, ...] = (0.5, 0.5),
        student_model: nn.Module | None = None,
        teacher_model: nn.Module | None = None,
    ):
        super().__init__(student_model, teacher_model)
        self.config = KnowledgeDistillationLossConfig(temperature, list(loss_types), list(loss_weights))
        self.temperature, self.loss_types = self.config.temperature, self.config.loss_types
        self.loss_weights = self.config.loss_weights

    def __call__(self, student_outputs: Any, targets: Tensor) -> Tensor:
        return LOSSES[self.loss_types[0]]()(logits_of(student_outputs), targets)

    loss_cal = __call__

    def loss_cal_sloss(self, student_outputs: Any, teacher_outputs: Any, student_loss: Tensor) -> Tensor:
        """The weighted sum of the student's loss and that against the teacher."""
        student = {"logits": logits_of(student_outputs)}
        teacher = as_mapping(teacher_outputs, "teacher")
        distillation = build_criterion(self.config)(Signals(student, teacher))
        return self.loss_weights[0] * student_loss + distillation


class PyTorchIntermediateLayersKnowledgeDistillationLoss(DistillationLoss):
    """From inner layers of the teacher, see [`IntermediateLayersKnowledgeDistillationLossConfig`].

    Args:
        layer_mappings: `[student_layer, teacher_layer]`, or `[student_layer, picker, teacher_layer, picker]`, of which
            each picker is an index, a key, a function, or `""`.
    """

    def __init__(
        self,
        layer_mappings: Any = (),
        loss_types: Any = None,
        loss_weights: Any = None,
        add_origin_loss: bool = False,
        student_model: nn.Module | None = None,
        teacher_model: nn.Module | None = None,
    ):
        super().__init__(student_model, teacher_model)
        mappings = [layers_of(f"layer_mappings[{i}]", item) for i, item in enumerate(layer_mappings)]
        self.config = IntermediateLayersKnowledgeDistillationLossConfig(
            mappings, list(loss_types or []), list(loss_weights or []), add_origin_loss
        )
        self.layer_mappings, self.loss_types = self.config.layer_mappings, self.config.loss_types
        self.loss_weights, self.add_origin_loss = self.config.loss_weights, add_origin_loss

    def __call__(self, student_outputs: Any, targets: Tensor) -> Tensor:
        """The student's own loss, which counts if it is to be added."""
        return nn.functional.cross_entropy(logits_of(student_outputs), targets)


def layers_of(where: str, item: Any) -> list[list]:
    """A pair of layers as 2.X writes it."""
    if not isinstance(item, list | tuple) or len(item) not in (2, 4):
        raise UsageError(
            f"`{where}` must be [student_layer, teacher_layer] or [student_layer, picker, teacher_layer, picker], "
            f"got {item!r}."
        )
    if len(item) == 2:
        return [[item[0]], [item[1]]]
    return [[name] if picker == "" else [name, picker] for name, picker in (item[:2], item[2:])]


class PyTorchCrossEntropyLoss:
    """Makes the loss of labels: `PyTorchCrossEntropyLoss({"reduction": "sum"})()` gives a class and its settings."""

    def __init__(self, param_dict: dict[str, Any] | None = None):
        self.settings = dict(param_dict or {})

    def __call__(self, **kwargs: Any) -> tuple[Callable, dict[str, Any]]:
        known = ("reduction", "label_smoothing", "ignore_index")
        return nn.CrossEntropyLoss, {key: value for key, value in self.settings.items() if key in known}


class PyTorchKnowledgeDistillationLossWrapper(PyTorchCrossEntropyLoss):
    def __call__(self, **kwargs: Any) -> tuple[Callable, dict[str, Any]]:
        return PyTorchKnowledgeDistillationLoss, self.settings


class PyTorchIntermediateLayersKnowledgeDistillationLossWrapper(PyTorchCrossEntropyLoss):
    def __call__(self, **kwargs: Any) -> tuple[Callable, dict[str, Any]]:
        return PyTorchIntermediateLayersKnowledgeDistillationLoss, self.settings


CRITERIA: dict[str, type] = {
    "CrossEntropyLoss": PyTorchCrossEntropyLoss,
    "KnowledgeDistillationLoss": PyTorchKnowledgeDistillationLossWrapper,
    "IntermediateLayersKnowledgeDistillationLoss": PyTorchIntermediateLayersKnowledgeDistillationLossWrapper,
}


class Criterions:
    """`Criterions("pytorch")["CrossEntropyLoss"]`: what makes a loss, by its name in YAML."""

    def __init__(self, framework: str):
        check_framework(framework)

    def __getitem__(self, name: str) -> type:
        return CRITERIA[check_choice("criterion", name, CRITERIA)]

    def register(self, name: str, criterion: type) -> None:
        """Give a loss of your own a name for YAML."""
        CRITERIA[name] = criterion


def criterion_registry(criterion_type: str, framework: str) -> Callable[[type], type]:
    """A class decorator that registers a loss under its name in YAML."""

    def register(cls: type) -> type:
        Criterions("pytorch").register(criterion_type, cls)
        return cls

    return register


class PyTorchCriterions(Criterions):
    """Those of torch, which all are here."""

    def __init__(self):
        super().__init__("pytorch")


KnowledgeDistillationFramework = DistillationLoss
KnowledgeDistillationLoss = PyTorchKnowledgeDistillationLoss
IntermediateLayersKnowledgeDistillationLoss = PyTorchIntermediateLayersKnowledgeDistillationLoss
TensorflowCriterions = elsewhere("TensorflowCriterions", TENSORFLOW)
TensorFlowCrossEntropyLoss = elsewhere("TensorFlowCrossEntropyLoss", TENSORFLOW)
TensorFlowSparseCategoricalCrossentropy = elsewhere("TensorFlowSparseCategoricalCrossentropy", TENSORFLOW)
TensorflowKnowledgeDistillationLoss = elsewhere("TensorflowKnowledgeDistillationLoss", TENSORFLOW)
TensorflowKnowledgeDistillationLossExternal = elsewhere("TensorflowKnowledgeDistillationLossExternal", TENSORFLOW)
TensorflowKnowledgeDistillationLossWrapper = elsewhere("TensorflowKnowledgeDistillationLossWrapper", TENSORFLOW)
