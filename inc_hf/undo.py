"""A model put back as it was: after a look at it, or when a change to it fails half-way."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class Snapshot:
    """Everything that hangs on the modules of a model and on its configs, by reference: no weight is copied.

    What is replaced afterwards (modules, parameters, attributes, classes, hooks) can be put back; until then the old
    weights stay in memory. A tensor that is changed in place is put back only if `keep` was called before.
    """

    def __init__(self, model: nn.Module):
        modules = list(model.modules())
        self.owners = [_Owner(thing) for thing in [*modules, *_configs_of(modules)]]
        self.values: list[tuple[Tensor, Tensor]] = []

    @torch.no_grad()
    def keep(self, tensor: Tensor) -> None:
        """Copy the values of a tensor that is about to be changed in place."""
        self.values.append((tensor, tensor.detach().clone()))

    @torch.no_grad()
    def restore(self) -> None:
        for owner in self.owners:
            owner.restore()
        for tensor, values in reversed(self.values):
            tensor.copy_(values)


class _Owner:
    """The attributes of an object, and what is in those that are containers."""

    def __init__(self, thing: Any):
        self.thing, self.kind, self.values = thing, type(thing), dict(vars(thing))
        self.contents = [
            (value, value.copy()) for value in self.values.values() if isinstance(value, dict | list | set)
        ]

    def restore(self) -> None:
        if type(self.thing) is not self.kind:
            self.thing.__class__ = self.kind
        vars(self.thing).clear()
        vars(self.thing).update(self.values)
        for container, content in self.contents:  # the same objects: the handles of hooks know them
            container.clear()
            (container.extend if isinstance(container, list) else container.update)(content)


def _configs_of(modules: list[nn.Module]) -> list[Any]:
    """The configs of the modules, and the configs in these."""
    found: dict[int, Any] = {}
    waiting: list[Any] = list(modules)
    while waiting:
        for value in vars(waiting.pop()).values():
            if type(value).__name__.endswith("Config") and hasattr(value, "__dict__") and id(value) not in found:
                found[id(value)] = value
                waiting.append(value)
    return list(found.values())


@contextmanager
def restored_on_error(model: nn.Module) -> Iterator[Snapshot]:
    """Inside the block a model is changed; if that ends with an error or Ctrl-C, the model is as it was before it."""
    snapshot = Snapshot(model)
    try:
        yield snapshot
    except BaseException:
        snapshot.restore()
        raise


@contextmanager
def restored(model: nn.Module) -> Iterator[None]:
    """Inside the block a model is only looked at: whatever a forward pass leaves on it is taken back after it.

    That is more than one thinks: BigBird changes its kind of attention for good when it sees a short text, positions
    are computed anew for a long one, caches stay, and random numbers are used up.
    """
    snapshot = Snapshot(model)
    for buffer in model.buffers():
        if not buffer.is_meta and buffer.dtype is not torch.int8:  # no forward pass changes the weights of few bits
            snapshot.keep(buffer)
    state, numbers = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(state)
        np.random.set_state(numbers)
        snapshot.restore()
