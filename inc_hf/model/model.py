"""INC 2.X's `neural_compressor.model.model`."""

import os
from typing import Any

from torch import nn

from inc_hf.config.elsewhere import MXNET, ONNX, OURS, TENSORFLOW, elsewhere
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.results.compressed import CompressedModel

BaseModel = CompressedModel
MODELS = dict.fromkeys(OURS, CompressedModel)
MXNetModel = elsewhere("MXNetModel", MXNET)
ONNXModel = elsewhere("ONNXModel", ONNX)
TensorflowModel = elsewhere("TensorflowModel", TENSORFLOW)
KerasModel = elsewhere("KerasModel", TENSORFLOW)
get_model_type = elsewhere("get_model_type", TENSORFLOW)


class Model:
    """`Model(module)`: a [`CompressedModel`], which holds it as `.model`; functions of ours take it, or the module.

    Args:
        root (`nn.Module`): of torch.
        kwargs: as in INC; not used.
    """

    def __new__(cls, root: Any, **kwargs: Any) -> CompressedModel:
        if isinstance(root, CompressedModel):
            return root
        get_model_fwk_name(root)
        return CompressedModel(root)


def get_model_fwk_name(model: Any) -> str:
    """`"pytorch"`.

    Raises:
        ValueError, TypeError: the model is of another framework, or a path.
    """
    if isinstance(model, nn.Module):
        return "pytorch"
    if isinstance(model, str | os.PathLike):
        instead = ONNX if os.fspath(model).endswith(".onnx") else "load it with `from_pretrained` and pass the model"
        raise UsageError(f"A model is a torch.nn.Module, got the path {os.fspath(model)!r}: {instead}.")
    instead = {"tensorflow": TENSORFLOW, "keras": TENSORFLOW, "onnx": ONNX, "mxnet": MXNET}
    package = type(model).__module__.partition(".")[0]
    reason = f": {instead[package]}" if package in instead else ""
    raise UsageTypeError(f"A model is a torch.nn.Module, got {type(model).__module__}.{type(model).__name__}{reason}.")
