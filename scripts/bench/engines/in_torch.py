"""torch: eager, compiled, and its own quantizers."""

from collections.abc import Callable
from pathlib import Path

import torch
from bench.engines.engine import Run, fp32, of_torch


def torch_eager(model: str, folder: Path, threads: int) -> Run:
    return of_torch(fp32(model))


def torch_compiled(model: str, folder: Path, threads: int) -> Run:
    return of_torch(torch.compile(fp32(model), dynamic=False))


def torch_bf16(model: str, folder: Path, threads: int) -> Run:
    return of_torch(fp32(model).bfloat16())


def torch_dynamic(model: str, folder: Path, threads: int) -> Run:
    qconfig = torch.ao.quantization.per_channel_dynamic_qconfig
    return of_torch(torch.ao.quantization.quantize_dynamic(fp32(model), {torch.nn.Linear: qconfig}))


def torchao_compiled(any_length: bool) -> Callable:
    """For one shape after the other, or once for all of them."""

    def load(model: str, folder: Path, threads: int) -> Run:
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

        module = fp32(model)
        quantize_(module, Int8DynamicActivationInt8WeightConfig())
        return of_torch(torch.compile(module, dynamic=any_length))

    return load
