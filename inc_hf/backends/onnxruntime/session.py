"""Running an ONNX file."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inc_hf import ops


def open_session(path: str | os.PathLike, threads: int | None = None, options: Any = None) -> "OnnxSession":
    """Load an ONNX file into ONNX Runtime.

    Args:
        threads (`int`, *optional*): that share one operator; by default those of torch.
        options (`onnxruntime.SessionOptions`, *optional*): instead of ours.

    Raises:
        ImportError: onnxruntime is not installed.
        FileNotFoundError: there is no such file.
        ValueError: it is truncated, or not ONNX.
    """
    ort = require_onnxruntime()
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no ONNX file {os.fspath(path)}.")
    if options is None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        options.log_severity_level = 3
        if not ops.has_vnni():
            # Without VNNI, uint8 times int8 saturates in 16 bits; this makes those kernels exact, and slower. Weights
            # of 7 bits, our default on such CPUs, would not need it, but the session cannot tell them apart.
            options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        session = ort.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the exceptions of ONNX Runtime have no common class
        raise ValueError(f"ONNX Runtime cannot load {os.fspath(path)}: {str(error).strip()[:500]}") from error
    return OnnxSession(session)


def require_onnxruntime() -> Any:
    """The module, or an ImportError that says how to get it."""
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"ONNX needs more packages: pip install 'inc-hf[onnx]' ({error.name} is missing)."
        ) from error
    return onnxruntime


class OnnxSession:
    """An ONNX file that takes and returns tensors of torch by name.

    Attributes:
        input_names, output_names (`list[str]`): in the order of the file.
    """

    def __init__(self, session: Any):
        self.session = session
        self.input_names = [value.name for value in session.get_inputs()]
        self.output_names = [value.name for value in session.get_outputs()]

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run a batch; inputs that the file does not know are left out.

        Raises:
            ValueError: an input is missing.
        """
        if missing := [name for name in self.input_names if inputs.get(name) is None]:
            raise ValueError(f"The ONNX model needs the inputs {', '.join(missing)}, got {', '.join(inputs)}.")
        feed = {name: np.ascontiguousarray(inputs[name].detach().numpy()) for name in self.input_names}
        outputs = self.session.run(self.output_names, feed)
        return {name: torch.from_numpy(value) for name, value in zip(self.output_names, outputs, strict=True)}
