"""Means for the logs."""

import torch
from torch import Tensor


class RunningMeans:
    """Means of named values, weighted by numbers of items, over the calls and the processes since the last `pop`."""

    def __init__(self, names: tuple[str, ...], device: torch.device):
        self._totals = {name: torch.zeros(2, device=device) for name in names}

    def add(self, name: str, value: Tensor, items: Tensor | int) -> None:
        """Count `value`, the mean over `items`; a mean over none, which may be NaN, does not count."""
        weight = torch.as_tensor(items, dtype=torch.float32, device=value.device)
        total = torch.where(weight > 0, value.detach().float() * weight, torch.zeros_like(weight))
        self._totals[name] += torch.stack([total, weight])

    def pop(self) -> dict[str, float]:
        """Name -> mean of what has come. All processes must call this together."""
        means = {}
        for name, total in self._totals.items():
            if torch.distributed.is_available() and torch.distributed.is_initialized():
                torch.distributed.all_reduce(total)
            if total[1] > 0:
                means[name] = (total[0] / total[1]).item()
            total.zero_()
        return means
