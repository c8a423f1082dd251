"""`Model`: a model of torch, as INC 1.X wraps it."""

import os
from typing import Any

from torch import nn

from inc_hf.errors import UsageTypeError
from inc_hf.results.base import StandsForModel
from inc_hf.results.compressed import CompressedModel


class Model(CompressedModel):
    """The module as `.model`; calls, attributes and the state dict are the module's own.

    Args:
        root (`nn.Module`): the model, or what stands for one.
        kwargs: accepted as in INC, where other frameworks need them.

    Raises:
        TypeError: it is a path, or a model of another framework.
    """

    def __init__(self, root: Any, **kwargs: Any):
        if isinstance(root, CompressedModel | StandsForModel):
            root = root.model
        if isinstance(root, str | os.PathLike):
            raise UsageTypeError(
                f"A model of torch is needed, got the path {os.fspath(root)!r}; load it first, such as with "
                "`AutoModelForSequenceClassification.from_pretrained`. Files of TensorFlow and ONNX are not taken."
            )
        if not isinstance(root, nn.Module):
            raise UsageTypeError(f"A model of torch is needed, a `torch.nn.Module`, got {type(root).__name__}.")
        super().__init__(root)

    def framework(self) -> str:
        return "pytorch"


def wrapped(model: Any) -> CompressedModel:
    """A model that is wrapped already as it is, any other one as a [`Model`]."""
    return model if isinstance(model, CompressedModel) else Model(model)
