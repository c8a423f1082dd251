"""What `set_tensorboard(True)` writes to `tensorboard` in the workspace: the trials, and the ranges of the best one.

In a file of its own, since it needs the package `tensorboard`.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from inc_hf.quantize.nn import quantized_modules
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.history import Trial
from inc_hf.tune.ranges import activation_ranges, weight_ranges
from inc_hf.undo import restored

FOLDER = "tensorboard"


class TensorBoard:
    """Writes scalars, the number of the trial as their step.

    Args:
        workspace: the directory that gets the folder `tensorboard`.
    """

    def __init__(self, workspace: Path):
        self.folder, self.count = workspace / FOLDER, 0

    @cached_property
    def writer(self) -> SummaryWriter:
        """Made for the first trial that has ended, before which there may be no workspace."""
        return SummaryWriter(str(self.folder))

    def trial(self, candidate: Candidate, trial: Trial) -> None:
        """A trial that has ended: `trial/score`, `size`, `latency`, `seconds`, and its label as a text."""
        self.count += 1
        numbers = {"score": trial.score, "size": trial.bytes, "latency": trial.latency, "seconds": trial.seconds}
        self._scalars("trial", numbers)
        self.writer.add_text("trial/label", trial.label, self.count)
        self.writer.flush()

    @torch.no_grad()
    def ranges(self, model: nn.Module, best: nn.Module, number: int, batches: Sequence[Any]) -> None:
        """The ranges of weights and activations of the best model, `weight/MODULE/int8_min` and so on.

        Args:
            model: the float model, which stays as it is, as the other does.
            number (`int`): of the trial.
            batches: a few inputs; without them there are no activations.
        """
        self.count, twins = number, quantized_modules(best)
        for row in weight_ranges(model, twins):
            self._scalars(f"weight/{row.pop('module')}", row)
        with restored(model), restored(best):
            rows = activation_ranges(model, best, twins, batches) if batches else []
        for row in rows:
            self._scalars(f"activation/{row.pop('module')}", row)
        self.writer.close()

    def _scalars(self, name: str, numbers: Mapping[str, float | None]) -> None:
        for key, value in numbers.items():
            if value is not None and math.isfinite(value):
                self.writer.add_scalar(f"{name}/{key}", value, self.count)
