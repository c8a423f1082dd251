"""`backend="auto"`: the runtime that is installed here and fits a checkpoint."""

import logging
import os
from importlib.util import find_spec
from typing import Any

from inc_hf import ops
from inc_hf.models.files import find_file

logger = logging.getLogger(__name__)

TORCH_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
WRITERS = ("onnx", "onnxscript")


def choose_backend(name: str | os.PathLike, has_files: bool, **hub: Any) -> str:
    """Torch where our kernels run; otherwise, or where there are ONNX files only, another runtime that is installed.

    Args:
        has_files (`bool`): whether there are ONNX files of the model. Without them they are written first, which needs
            more packages.

    Raises:
        ImportError: there are ONNX files only, and nothing is installed that runs them.
    """
    has_weights = has_torch_weights(name, **hub)
    installed = [backend for backend in ("onnxruntime", "openvino") if find_spec(backend)]
    if has_weights and ops.is_native():
        return _said("torch", f"it has our kernels for {ops.isa()}")
    if installed and (has_files or all(map(find_spec, WRITERS))):
        return _said(installed[0], "it is installed" if has_weights else "there are ONNX files only")
    if has_weights:
        return _said("torch", "neither onnxruntime nor openvino is installed")
    raise ImportError(f"{name} holds ONNX files only: pip install 'inc-hf[onnxruntime]' to run them.")


def has_torch_weights(name: str | os.PathLike, **hub: Any) -> bool:
    """Whether a directory or a repository has weights of torch."""
    return any(find_file(name, file, quiet=True, **hub) for file in TORCH_WEIGHTS)


def _said(backend: str, reason: str) -> str:
    logger.info("The backend is %s: %s.", backend, reason)
    return backend
