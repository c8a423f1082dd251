"""Classes whose models are changed as soon as they are built, before their weights are loaded."""

from collections.abc import Callable
from typing import Any

from torch import nn


def changed_when_built(model_class: type, *changes: Callable[[nn.Module], Any]) -> type:
    """A class of the same name that calls `changes` of each model it has built; those models are `model_class`."""

    def build(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        model_class.__init__(self, *args, **kwargs)
        for change in changes:
            change(self)
        self.__class__ = model_class

    names = {"__module__": model_class.__module__, "__qualname__": model_class.__qualname__}
    return type(model_class.__name__, (model_class,), {"__init__": build, **names})
