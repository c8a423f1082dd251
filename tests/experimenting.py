"""Models, data, confs and loops that the tests of `inc_hf.experimental` share."""

import copy
from pathlib import Path
from typing import Any

import torch
import yaml
from fitting import Net
from torch import nn

BATCHES = [
    (
        torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(i)),
        torch.randint(0, 4, (4,), generator=torch.Generator().manual_seed(100 + i)),
    )
    for i in range(4)
]


class Batches(list):
    """A dataloader."""

    batch_size = 4


LOADER = Batches(BATCHES)


def net(seed: int = 1) -> Net:
    torch.manual_seed(seed)
    return Net()


def conf_of(path: Path, **sections: Any) -> str:
    """A YAML file of these sections."""
    content = {"model": {"name": "net", "framework": "pytorch"}, **sections}
    path = path / "conf.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return str(path)


def same(one: nn.Module, other: nn.Module) -> bool:
    """Whether two models have the same state to the bit."""
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(_equal(value, other[name]) for name, value in one.items())


def _equal(one: Any, other: Any) -> bool:
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def accuracy(model: nn.Module) -> float:
    with torch.no_grad():
        return sum((model(x).argmax(-1) == y).float().mean().item() for x, y in BATCHES) / len(BATCHES)


def loop(
    model: nn.Module, hooks: Any, epochs: int = 3, calls: tuple[str, ...] | None = None, lr: float = 0.05
) -> None:
    """A loop in the way of 1.X: gradients are cleared before `backward`. It calls those of the hooks that `calls`
    names, or all of 1.X."""

    def call(name: str, *args: Any) -> Any:
        return getattr(hooks, name)(*args) if calls is None or name in calls else args[2] if len(args) == 3 else None

    optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9)
    call("on_train_begin")
    for epoch in range(epochs):
        model.train()
        call("on_epoch_begin", epoch)
        for i, (x, y) in enumerate(BATCHES):
            call("on_step_begin", i)
            output = model(x)
            loss = call("on_after_compute_loss", x, output, nn.functional.cross_entropy(output, y))
            optimizer.zero_grad()
            loss.backward()
            call("on_before_optimizer_step")
            optimizer.step()
            call("on_step_end")
        call("on_epoch_end")
    call("on_train_end")


def loop_of_2x(model: nn.Module, manager: Any, epochs: int = 3, lr: float = 0.05) -> None:
    """The same in the way of 2.X."""
    optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9)
    manager.on_train_begin()
    for epoch in range(epochs):
        model.train()
        manager.on_epoch_begin(epoch)
        for i, (x, y) in enumerate(BATCHES):
            manager.on_step_begin(i)
            output = model(x)
            loss = manager.on_after_compute_loss(x, output, nn.functional.cross_entropy(output, y))
            optimizer.zero_grad()
            loss.backward()
            manager.on_before_optimizer_step()
            optimizer.step()
            manager.on_after_optimizer_step()
            manager.on_step_end()
        manager.on_epoch_end()
    manager.on_train_end()


def copied(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model)
