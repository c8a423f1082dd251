"""Running an ONNX file."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inc_hf import ops
from inc_hf.backends.feed import checked, in_words
from inc_hf.errors import UsageError

EXACT = ("session.x64quantprecision", "session.disable_quant_qdq")  # the first does not reach fused operators
WEIGHT_BITS = "inc_hf_weight_bits"  # in the metadata of a file: of its widest integer weights


def open_session(path: str | os.PathLike, threads: int | None = None, options: Any = None) -> "OnnxSession":
    """Load an ONNX file into ONNX Runtime.

    On CPUs without VNNI, ONNX Runtime adds products of uint8 and int8 in 16 bits, which saturate. Weights of 7 bits,
    our default on such CPUs, cannot; files with others, or which do not say, are computed exactly and slower: integer
    operators by other kernels, QuantizeLinear and DequantizeLinear around a float operator as they stand.

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
    if options is not None:
        return OnnxSession(_load(ort, path, options))
    session = _load(ort, path, _options(ort, threads))
    bits = session.get_modelmeta().custom_metadata_map.get(WEIGHT_BITS, "8")
    if not ops.has_vnni() and bits not in map(str, range(2, 8)):
        options = _options(ort, threads)
        for entry in EXACT:
            options.add_session_config_entry(entry, "1")
        session = _load(ort, path, options)
    return OnnxSession(session)


def _options(ort: Any, threads: int | None) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or torch.get_num_threads()
    options.log_severity_level = 3
    return options


def _load(ort: Any, path: str | os.PathLike, options: Any) -> Any:
    try:
        return ort.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the exceptions of ONNX Runtime have no common class
        raise UsageError(f"ONNX Runtime cannot load {os.fspath(path)}: {str(error).strip()[:500]}") from error


def require_onnxruntime() -> Any:
    """What runs ONNX files, or an ImportError that says how to get it."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError("ONNX Runtime is not installed: pip install 'inc-hf[onnxruntime]'.") from error
    return onnxruntime


def require_export() -> None:
    """Raise an ImportError that says how to get them, if packages that write and check ONNX files are missing."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"Writing ONNX needs more packages: pip install 'inc-hf[onnx]' ({error.name} is missing)."
        ) from error


class OnnxSession:
    """An ONNX file that takes and returns tensors of torch by name.

    Attributes:
        input_names, output_names (`list[str]`): in the order of the file.
        input_shapes, output_shapes (`dict[str, list[int | str]]`): axes that may change have a name.
        metadata (`dict[str, str]`): what the file tells about itself.
    """

    def __init__(self, session: Any):
        self.session = session
        self.input_names = [value.name for value in session.get_inputs()]
        self.output_names = [value.name for value in session.get_outputs()]
        self.input_shapes = {value.name: list(value.shape) for value in session.get_inputs()}
        self.input_types = {value.name: value.type for value in session.get_inputs()}
        self.output_shapes = {value.name: list(value.shape) for value in session.get_outputs()}
        self.metadata = dict(session.get_modelmeta().custom_metadata_map)

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run a batch; inputs that the file does not know are left out.

        Raises:
            ValueError: an input is missing, or is not what the file takes.
        """
        feed = checked(inputs, self.input_shapes, self.input_types)
        arrays = {name: np.ascontiguousarray(tensor.numpy()) for name, tensor in feed.items()}
        try:
            outputs = self.session.run(self.output_names, arrays)
        except Exception as error:  # the exceptions of ONNX Runtime have no common class
            raise UsageError(f"ONNX Runtime cannot run {in_words(feed)}: {str(error).strip()[:500]}") from error
        return {name: torch.from_numpy(value) for name, value in zip(self.output_names, outputs, strict=True)}
