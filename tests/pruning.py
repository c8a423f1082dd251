"""Networks to prune, and a bare training loop around a `Pruner`."""

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from inc_hf.config import WeightPruningConfig
from inc_hf.prune import Pruner, prepare


class Net(nn.Module):
    """One layer of each type."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 8, 2)
        self.conv2d = nn.Conv2d(1, 4, (2, 4))
        self.first = nn.Linear(16, 8)
        self.second = Conv1D(16, 8)
        self.head = nn.Linear(16, 2)

    def forward(self, x):
        x = self.conv(x).relu().unsqueeze(1)  # (batch, 1, 8, 5)
        x = self.conv2d(x).flatten(2)[:, :, :4].flatten(1)  # (batch, 16)
        return self.head(self.second(self.first(x).relu()).tanh())


def gradients_of(model: nn.Module, step: int) -> None:
    """Leave the gradients of a batch of this step behind."""
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(6, 4, 6, generator=generator)
    y = torch.randint(0, 2, (6,), generator=generator)
    model.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()


def pruners_of(model: nn.Module, total: int = 100, **settings) -> list[Pruner]:
    settings = {"pattern": "1x1", "pruning_type": "magnitude", "target_sparsity": 0.5, "end_step": 0, **settings}
    return prepare(model, WeightPruningConfig(**settings), total)


def run(model: nn.Module, pruners: list[Pruner], steps: range, lr: float = 0.1, after_step=None) -> None:
    """The calls of a training loop, in the order of the Trainer's events."""
    optimizer = torch.optim.SGD(model.parameters(), lr)
    for step in steps:
        for pruner in pruners:
            pruner.update(step)
        gradients_of(model, step)
        for pruner in pruners:
            pruner.collect(step)
        optimizer.step()
        for pruner in pruners:
            pruner.shrink(step)
            pruner.apply()
        if after_step is not None:
            after_step(step)


def matrices_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """Copies of the weights of `Net`, cut by hand into rows of output channels."""
    m = {
        "conv": model.conv.weight.permute(0, 2, 1).reshape(8, 8),
        "conv2d": model.conv2d.weight.permute(0, 2, 3, 1).reshape(4, 8),
        "first": model.first.weight,
        "second": model.second.weight.T,
        "head": model.head.weight,
    }
    return {name: weight.detach().clone() for name, weight in m.items()}


def gradient_matrices_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """As `matrices_of`, of the gradients."""
    g = {name: getattr(model, name).weight.grad for name in ("conv", "conv2d", "first", "second", "head")}
    g["conv"] = g["conv"].permute(0, 2, 1).reshape(8, 8)
    g["conv2d"] = g["conv2d"].permute(0, 2, 3, 1).reshape(4, 8)
    g["second"] = g["second"].T
    return {name: gradient.clone() for name, gradient in g.items()}


def zeros_of(model: nn.Module) -> dict[str, int]:
    return {name: int((matrix == 0).sum()) for name, matrix in matrices_of(model).items()}
