"""ONNX Runtime, on graphs with its own fusions where it can quantize them."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from bench.engines.engine import Batch, Run, fp32
from torch import Tensor

from inc_hf import ops
from inc_hf.export import export_model


def export_fused(model: str, folder: Path, batches: list[Batch], quantizer: Any = None) -> None:
    """By the exporter of transformers, with the fusions of ONNX Runtime."""
    from transformers.exporters import OnnxConfig, OnnxExporter

    settings = {} if quantizer is None else {"quantizer": quantizer}
    exported = OnnxExporter().export(fp32(model), batches[0], OnnxConfig(dynamic=True, ort_fusions="cpu", **settings))
    exported.save_pretrained(folder)


def ort_dynamic(model: str, folder: Path, batches: list[Batch]) -> None:
    """Weights per channel; 7 bits where the CPU would saturate with 8."""
    from transformers.exporters import OnnxRuntimeDynamicConfig, OnnxRuntimeQuantizer

    config = OnnxRuntimeDynamicConfig(per_channel=True, reduce_range=not ops.has_vnni())
    export_fused(model, folder, batches, OnnxRuntimeQuantizer(config))


def ort_static(model: str, folder: Path, batches: list[Batch]) -> None:
    """Only matrix products, uint8 activations: its default list of operators loses 13 points of accuracy."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    (source,) = export_model(fp32(model), folder / "fp32")  # it cannot quantize a graph with its own fusions

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.left: Iterator[dict] = iter({k: v.numpy() for k, v in batch.items()} for batch in batches)

        def get_next(self):
            return next(self.left, None)

    quantize_static(
        source,
        folder / "model.onnx",
        Reader(),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["MatMul", "Gemm"],
        per_channel=True,
        reduce_range=not ops.has_vnni(),
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    shutil.rmtree(folder / "fp32")


def onnx_run(model: str, folder: Path, threads: int) -> Run:
    import onnxruntime

    (path,) = folder.glob("*.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    session = onnxruntime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]

    def run(batch: Batch) -> Tensor:
        return torch.from_numpy(session.run(["logits"], {name: batch[name].numpy() for name in names})[0])

    return run
