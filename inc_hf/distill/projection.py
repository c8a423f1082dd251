"""Linear maps from the width of a student's features to that of the teacher's, and their training."""

import logging
import math
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.errors import UsageError

logger = logging.getLogger(__name__)


def differing_dim(student: Tensor, teacher: Tensor, where: str) -> int | None:
    """The one dimension in which two features differ, None if there is none.

    Raises:
        ValueError: they differ in more than one dimension, in their number, or in the batch.
    """
    dims = [dim for dim, (a, b) in enumerate(zip(student.shape, teacher.shape, strict=False)) if a != b]
    if student.ndim != teacher.ndim or len(dims) > 1 or dims == [0]:
        raise UsageError(
            f"{where}: the student's feature has the shape {tuple(student.shape)}, the teacher's "
            f"{tuple(teacher.shape)}; only one dimension after the batch may differ. Choose other layers, or pick or "
            "reshape the features by a function: `[('student_layer', function), ('teacher_layer', function)]`."
        )
    return dims[0] if dims else None


def make_projection(inputs: int, outputs: int, seed: int) -> nn.Linear:
    """A linear map of the usual initial scale. Its random numbers are its own: those of the training stay the same."""
    linear = nn.utils.skip_init(nn.Linear, inputs, outputs)
    generator = torch.Generator().manual_seed(seed)
    for parameter in linear.parameters():
        nn.init.uniform_(parameter, -1 / math.sqrt(inputs), 1 / math.sqrt(inputs), generator=generator)
    return linear


def project(linear: nn.Linear, feature: Tensor, dim: int, where: str) -> Tensor:
    """`feature` with its dimension `dim` mapped by `linear`."""
    if feature.shape[dim] != linear.in_features:
        raise UsageError(
            f"{where}: dimension {dim} of the student's feature is {feature.shape[dim]}, before it was "
            f"{linear.in_features}. A projection needs a fixed width; pick a feature whose other dimensions agree."
        )
    return linear(feature.float().movedim(dim, -1)).movedim(-1, dim)


class ProjectionOptimizer:
    """AdamW for the projections, beside the optimizer of the student; made at the first step, when they all exist.

    Args:
        criterion (`nn.Module`): what holds the projections. Its parameters may appear until the first step.
        saved (`dict`, *optional*): what `state_dict` has returned, to go on from there.
    """

    def __init__(self, criterion: nn.Module, saved: dict[str, Any] | None = None):
        self.criterion = criterion
        self._saved = saved
        self._optimizer: torch.optim.AdamW | None = None

    def step(self, learning_rate: float | None) -> None:
        """Change the projections by their gradients, then clear these. Nothing happens without projections.

        Without a learning rate it is that of torch's AdamW; INC never trained them.
        """
        parameters = list(self.criterion.parameters())
        if not parameters:
            return
        if self._optimizer is None:
            self._optimizer = torch.optim.AdamW(parameters, weight_decay=0.0)
            if learning_rate is None:
                logger.warning(
                    "Features of different widths have projections, which are trained at a learning rate of %g; for "
                    "that of your optimizer call `on_train_begin(optimizer=optimizer)`.",
                    self._optimizer.defaults["lr"],
                )
            if self._saved is not None:
                self._optimizer.load_state_dict(self._saved)
        _average_over_processes(parameters)
        for group in self._optimizer.param_groups:
            group["lr"] = self._optimizer.defaults["lr"] if learning_rate is None else learning_rate
        self._optimizer.step()
        self._optimizer.zero_grad()

    def state_dict(self) -> dict[str, Any] | None:
        """Tensors and plain numbers; the tensors are those in use. None before the first step."""
        return self._saved if self._optimizer is None else self._optimizer.state_dict()


def _average_over_processes(parameters: list[nn.Parameter]) -> None:
    # DistributedDataParallel does this for the student only, which the projections are no part of.
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        torch.distributed.all_reduce(parameter.grad)
        parameter.grad /= torch.distributed.get_world_size()
