"""INC's functions that write ONNX."""

import os
from pathlib import Path
from typing import Any

from torch import nn

from inc_hf.config import Torch2ONNXConfig
from inc_hf.export import export
from inc_hf.results.compressed import held_model


def torch_to_fp32_onnx(
    pt_fp32_model: nn.Module,
    save_path: str | os.PathLike,
    example_inputs: Any = None,
    opset_version: int = 18,
    dynamic_axes: dict[str, Any] | None = None,
    input_names: list[str] | None = None,
    output_names: list[str] | None = None,
    do_constant_folding: bool = True,
    verbose: bool = True,
) -> Path:
    """Write a float model as ONNX, see [`Torch2ONNXConfig`]; `do_constant_folding` and `verbose` are not used."""
    conf = Torch2ONNXConfig(
        "fp32", opset_version, "QDQ", example_inputs, input_names=input_names, output_names=output_names,
        dynamic_axes=dynamic_axes,
    )  # fmt: skip
    return export(held_model(pt_fp32_model), save_path, conf)


def torch_to_int8_onnx(
    pt_fp32_model: nn.Module,
    pt_int8_model: nn.Module,
    save_path: str | os.PathLike,
    example_inputs: Any = None,
    q_config: Any = None,
    opset_version: int = 18,
    dynamic_axes: dict[str, Any] | None = None,
    input_names: list[str] | None = None,
    output_names: list[str] | None = None,
    quant_format: str = "QDQ",
    weight_type: str = "S8",
    verbose: bool = True,
) -> Path:
    """Write a quantized model as ONNX, see [`Torch2ONNXConfig`]; the model itself says what INC took from
    `pt_fp32_model`, `q_config` and `weight_type`."""
    conf = Torch2ONNXConfig(
        "int8", opset_version, quant_format, example_inputs, input_names=input_names, output_names=output_names,
        dynamic_axes=dynamic_axes,
    )  # fmt: skip
    return export(held_model(pt_int8_model), save_path, conf)
