"""The data that static ranges come from."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from inc_hf.models.batches import batch_length, take_samples
from inc_hf.models.inputs import recording_inputs
from inc_hf.quantize import calibrate
from inc_hf.quantize.workflow import evaluating
from inc_hf.undo import restored

RECORDED = 32  # calls

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Calibration:
    """Batches of inputs, or a function that runs a model on data of its own."""

    batches: list[Any] = field(default_factory=list)
    func: Callable[[nn.Module], Any] | None = None

    @property
    def has_data(self) -> bool:
        return bool(self.batches or self.func)

    def sizes(self, wanted: Sequence[int]) -> list[int | None]:
        """The numbers of samples to calibrate with, none larger than what is there; None is all that `func` runs."""
        if self.func is not None or not self.batches:
            return [None]
        available = sum(batch_length(batch) for batch in self.batches)
        if max(wanted) > available:
            logger.warning("%d calibration samples were asked for, %d are there.", max(wanted), available)
        return list(dict.fromkeys(min(size, available) for size in wanted))

    def inputs(self, model: nn.Module) -> list[Any]:
        """The batches, or some that the function calls the float model with."""
        if self.func is None:
            return self.batches
        with restored(model), recording_inputs(model, RECORDED) as recorded, torch.no_grad(), evaluating(model):
            self.func(model)
        return recorded

    def run(self, model: nn.Module, num_samples: int | None) -> None:
        """Let a prepared model see the data; batches leave nothing but their ranges."""
        if self.func is None:
            with restored(model):
                calibrate(model, take_samples(self.batches, num_samples))
            return
        with torch.no_grad(), evaluating(model):
            self.func(model)
