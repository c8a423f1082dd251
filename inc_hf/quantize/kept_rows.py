"""A part of what a module reads during calibration."""

import torch
from torch import Tensor

ROWS = 512
NUMBERS = 1 << 21  # of a module whose rows are very long


class KeptRows:
    """Some rows of the inputs of a module, evenly spread over all of them however they were cut into batches."""

    def __init__(self) -> None:
        self.seen, self.step = 0, 1
        self.parts: list[Tensor] = []

    def update(self, x: Tensor) -> None:
        """Keep every `step`-th row; half of them go whenever they are twice too many."""
        x = x.detach().float().reshape(-1, x.shape[-1])
        self.parts.append(x[-self.seen % self.step :: self.step].clone())
        self.seen += len(x)
        while sum(map(len, self.parts)) > 2 * min(ROWS, NUMBERS // x.shape[1] + 1):
            self.parts = [torch.cat(self.parts)[::2].clone()]
            self.step *= 2

    @property
    def rows(self) -> Tensor:
        """Of shape `(rows, features)`."""
        return torch.cat(self.parts)
