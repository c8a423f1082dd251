"""OpenVINO, with NNCF's quantization."""

from pathlib import Path
from typing import Any

import torch
from bench.engines.engine import Batch, Run, fp32
from torch import Tensor


def openvino_fp32(model: str, folder: Path, batches: list[Batch]) -> Any:
    import openvino

    found = openvino.convert_model(fp32(model), example_input=dict(batches[0]))
    openvino.save_model(found, folder / "model.xml", compress_to_fp16=False)
    return found


def openvino_nncf(model: str, folder: Path, batches: list[Batch]) -> None:
    """With the preset for transformers: the default one loses 17 points of accuracy."""
    import nncf
    import openvino

    data = nncf.Dataset(batches, lambda batch: {name: tensor.numpy() for name, tensor in batch.items()})
    found = nncf.quantize(
        openvino_fp32(model, folder, batches), data, model_type=nncf.ModelType.TRANSFORMER, subset_size=len(batches)
    )
    openvino.save_model(found, folder / "model.xml", compress_to_fp16=False)


def openvino_run(model: str, folder: Path, threads: int) -> Run:
    import openvino

    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(folder / "model.xml", "CPU", settings)
    names = [port.any_name for port in compiled.inputs]

    def run(batch: Batch) -> Tensor:
        return torch.from_numpy(compiled({name: batch[name].numpy() for name in names})[0])

    return run
