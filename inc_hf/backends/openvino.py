"""OpenVINO: sessions that run the files which are written for ONNX Runtime."""

import contextlib
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inc_hf.backends.feed import checked, in_words
from inc_hf.errors import UsageError

LARGE_HEAD = 128


def require_openvino() -> Any:
    """The module, or an ImportError that says how to get it."""
    try:
        import openvino
    except ImportError as error:
        raise ImportError("OpenVINO is not installed: pip install 'inc-hf[openvino]'.") from error
    return openvino


def open_session(path: str | os.PathLike, threads: int | None = None) -> "OpenVinoSession":
    """Read an ONNX file and compile it for the CPU.

    Args:
        threads (`int`, *optional*): that share one operator; by default those of torch.

    Raises:
        ImportError: openvino is not installed.
        FileNotFoundError: there is no such file.
        ValueError: it is truncated, is not ONNX, has operators that OpenVINO does not know, or is one that it would
            compute wrongly.
    """
    openvino = require_openvino()
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no ONNX file {os.fspath(path)}.")
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads or torch.get_num_threads(),
        # By default it would compute in BF16 where the CPU can.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    core = openvino.Core()
    try:
        with _one_folder(Path(path)) as file:
            model = core.read_model(file)
            round_by_arithmetic(model)
            if has_large_heads(model):
                _refuse_static(model, path)
                settings["SNIPPETS_MODE"] = "DISABLE"
            return OpenVinoSession(core.compile_model(model, "CPU", settings), _metadata(model))
    except RuntimeError as error:
        raise UsageError(f"OpenVINO cannot load {os.fspath(path)}: {str(error).strip()[-500:]}") from error


@contextlib.contextmanager
def _one_folder(path: Path) -> Iterator[Path]:
    """A path where the weights beside a file are no symbolic link, as they are in the cache of the Hub: OpenVINO reads
    none that leads out of the folder."""
    data = path.with_name(f"{path.name}_data")
    if not data.is_symlink():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="inc_hf_openvino_") as folder:
        for file in (path, data):
            try:
                os.link(file.resolve(), Path(folder) / file.name)
            except OSError:  # of another file system
                shutil.copyfile(file, Path(folder) / file.name)
        yield Path(folder) / path.name


def has_large_heads(model: Any) -> bool:
    """Whether attention has heads of 128 numbers or more.

    OpenVINO's own compiler of subgraphs ("snippets") computes those of 128, 192, … wrongly where there is AVX-512,
    from the second layer on (2026.4, float32). Without it they are right, and a forward pass takes 1 to 3 per cent
    longer.
    """
    products = [op for op in model.get_ops() if op.get_type_name() == "MatMul"]
    shapes = [op.input_value(i).get_partial_shape() for op in products for i in (0, 1)]
    heads = [shape[3] for shape in shapes if shape.rank.is_static and len(shape) == 4]
    return any(size.is_static and size.get_length() >= LARGE_HEAD for size in heads)


def _refuse_static(model: Any, path: str | os.PathLike) -> None:
    """What has statically quantized activations needs that compiler: without it, results are wrong as well."""
    if any(op.get_type_name() == "FakeQuantize" for op in model.get_ops()):
        raise UsageError(
            f"OpenVINO computes {os.fspath(path)} wrongly, which has static activations and heads of {LARGE_HEAD} "
            "numbers or more; use backend='onnxruntime' or backend='torch', or quantize with approach='dynamic'."
        )


def round_by_arithmetic(model: Any) -> None:
    """
    Exchange, in place, every cast to bfloat16 and back, of which OpenVINO makes nothing.

    Without that rounding the scales of dynamically quantized activations were others than in torch, and so were
    the integers.
    """
    for back in model.get_ordered_ops():
        if back.get_type_name() != "Convert" or back.input_value(0).get_element_type().get_type_name() != "bf16":
            continue
        there = back.input_value(0).get_node()
        if there.get_type_name() == "Convert":  # and not a weight in bfloat16
            back.output(0).replace(_rounded_to_bfloat16(there.input_value(0)))


def _rounded_to_bfloat16(x: Any) -> Any:
    """To a multiple of 2^(exponent - 7), of which bfloat16 has 128 between two powers of two."""
    from openvino import opset13 as opset

    magnitude = opset.maximum(opset.absolute(x), np.float32(1e-30))  # of which the step is not 0
    exponent = opset.floor(opset.divide(opset.log(magnitude), np.float32(math.log(2))))
    step = opset.power(np.float32(2), opset.subtract(exponent, np.float32(7)))
    return opset.multiply(opset.round(opset.divide(x, step), "half_to_even"), step).output(0)


class OpenVinoSession:
    """A compiled file that takes and returns tensors of torch by name.

    Attributes:
        input_names, output_names (`list[str]`): in the order of the file.
        input_shapes, output_shapes (`dict[str, list[int | str]]`): axes that may change are "?"; an output whose
            number of axes is not known is missing.
        metadata (`dict[str, str]`): what the file tells about itself.
    """

    def __init__(self, compiled: Any, metadata: dict[str, str]):
        self.compiled, self.metadata = compiled, metadata
        self.input_names = [port.any_name for port in compiled.inputs]
        self.output_names = [port.any_name for port in compiled.outputs]
        self.input_types = {port.any_name: port.get_element_type().get_type_name() for port in compiled.inputs}
        self.input_shapes, self.output_shapes = _shapes(compiled.inputs), _shapes(compiled.outputs)

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run a batch; inputs that the file does not know are left out.

        Raises:
            ValueError: an input is missing, or is not what the file takes.
        """
        feed = checked(inputs, self.input_shapes, self.input_types)
        try:
            results = self.compiled({name: tensor.numpy() for name, tensor in feed.items()})
        except RuntimeError as error:
            raise UsageError(f"OpenVINO cannot run {in_words(feed)}: {str(error).strip()[-500:]}") from error
        return {name: torch.from_numpy(results[index]) for index, name in enumerate(self.output_names)}


def _metadata(model: Any) -> dict[str, str]:
    """What the ONNX file tells about itself."""
    if not model.has_rt_info("framework"):
        return {}
    return {key: model.get_rt_info(["framework", key]).astype(str) for key in model.get_rt_info("framework").value}


def _shapes(ports: Any) -> dict[str, list[int | str]]:
    return {
        port.any_name: [dim.get_length() if dim.is_static else "?" for dim in port.partial_shape]
        for port in ports
        if port.partial_shape.rank.is_static
    }
