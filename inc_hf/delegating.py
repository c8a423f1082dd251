"""Results that stand for a model."""

from typing import Any

from torch import nn


class StandsForModel:
    """Calls and unknown attributes go to `model`."""

    model: nn.Module

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.model(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "model" or name.startswith("__"):  # not set yet, while an instance is copied
            raise AttributeError(name)
        return getattr(self.model, name)
