"""The engines that are compared with ours, each at its best safe setting: how it makes a model, and runs it.

`PEERS[name]` has `make`, which writes what the engine needs to a folder, and `load`, which returns a function of a
batch that gives logits. Both run in a process of their own: `python -m bench.peer_worker`.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from inc_hf import (
    IncModelForSequenceClassification,
    PostTrainingQuantConfig,
    mix_precision,
    ops,
    optimize,
    quantization,
)
from inc_hf.compression.pruner import prepare_pruning
from inc_hf.config import WeightPruningConfig
from inc_hf.export import export_model

Batch = dict[str, Tensor]
Run = Callable[[Batch], Tensor]


@dataclass
class Peer:
    """An engine with one setting.

    Args:
        load (`Callable`): `(model directory, folder, threads)` -> function of a batch.
        make (`Callable`, *optional*): `(model directory, folder, calibration batches)`, before that.
    """

    load: Callable[[str, Path, int], Run]
    make: Callable[[str, Path, list[Batch]], Any] = lambda model, folder, batches: None


def fp32(model: str) -> PreTrainedModel:
    return AutoModelForSequenceClassification.from_pretrained(model, dtype=torch.float32).eval()


def of_torch(module: Callable) -> Run:
    """A function of a batch from a model that returns an output of transformers."""

    @torch.no_grad()
    def run(batch: Batch) -> Tensor:
        return module(**batch).logits

    return run


# torch ---------------------------------------------------------------------------------------------------------------


def torch_eager(model: str, folder: Path, threads: int) -> Run:
    return of_torch(fp32(model))


def torch_compiled(model: str, folder: Path, threads: int) -> Run:
    return of_torch(torch.compile(fp32(model), dynamic=False))


def torch_bf16(model: str, folder: Path, threads: int) -> Run:
    return of_torch(fp32(model).bfloat16())


def torch_dynamic(model: str, folder: Path, threads: int) -> Run:
    qconfig = torch.ao.quantization.per_channel_dynamic_qconfig
    return of_torch(torch.ao.quantization.quantize_dynamic(fp32(model), {torch.nn.Linear: qconfig}))


def torchao_compiled(model: str, folder: Path, threads: int) -> Run:
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    module = fp32(model)
    quantize_(module, Int8DynamicActivationInt8WeightConfig())
    return of_torch(torch.compile(module, dynamic=False))


# ONNX Runtime --------------------------------------------------------------------------------------------------------


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


# OpenVINO ------------------------------------------------------------------------------------------------------------


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


# ours ----------------------------------------------------------------------------------------------------------------


def ours(approach: str, zeros: float = 0.0) -> Callable:
    """What makes a checkpoint; `zeros` of the 4x1 blocks are pruned without training, so for its speed only."""

    def make(model: str, folder: Path, batches: list[Batch]) -> None:
        module = fp32(model)
        if zeros:
            config = WeightPruningConfig(pruning_type="wanda", pattern="4x1", target_sparsity=zeros)
            prepare_pruning(module, config, dataloader=batches)
        data = batches if approach == "static" else None
        config = PostTrainingQuantConfig(approach=approach, calibration_sampling_size=len(batches) * len(batches[0]))
        quantization.fit(module, config, calib_dataloader=data).save_pretrained(folder / "model")

    return make


def as_onnx(make: Callable) -> Callable:
    """What writes the ONNX file of the checkpoint that `make` makes, in its place."""

    def make_onnx(model: str, folder: Path, batches: list[Batch]) -> None:
        make(model, folder, batches)
        module = IncModelForSequenceClassification.from_pretrained(folder / "model")
        export_model(module, folder / "model" / "onnx")
        (folder / "model" / "model.safetensors").unlink()

    return make_onnx


def our_bf16(model: str, folder: Path, batches: list[Batch]) -> None:
    mix_precision.fit(fp32(model)).save_pretrained(folder / "model")


def ours_on(backend: str) -> Callable:
    def load(model: str, folder: Path, threads: int) -> Run:
        found = IncModelForSequenceClassification.from_pretrained(folder / "model", backend=backend)
        return of_torch(optimize(found) if backend == "torch" else found)

    return load


PEERS = {
    "torch FP32": Peer(torch_eager),
    "torch FP32, compiled": Peer(torch_compiled),
    "torch BF16": Peer(torch_bf16),
    "torch dynamic INT8, per channel": Peer(torch_dynamic),
    "torchao W8A8 per token, compiled": Peer(torchao_compiled),
    "ONNX Runtime FP32, fused": Peer(onnx_run, export_fused),
    "ONNX Runtime dynamic INT8, fused": Peer(onnx_run, ort_dynamic),
    "ONNX Runtime static INT8, products only": Peer(onnx_run, ort_static),
    "OpenVINO FP32": Peer(openvino_run, openvino_fp32),
    "OpenVINO NNCF INT8, transformer preset": Peer(openvino_run, openvino_nncf),
    "inc_hf BF16": Peer(ours_on("torch"), our_bf16),
    "inc_hf dynamic INT8": Peer(ours_on("torch"), ours("dynamic")),
    "inc_hf static INT8": Peer(ours_on("torch"), ours("static")),
    "inc_hf dynamic INT8, 80 % of 4x1 blocks zero": Peer(ours_on("torch"), ours("dynamic", 0.8)),
    "inc_hf dynamic INT8 on ONNX Runtime": Peer(ours_on("onnxruntime"), as_onnx(ours("dynamic"))),
    "inc_hf static INT8 on ONNX Runtime": Peer(ours_on("onnxruntime"), as_onnx(ours("static"))),
    "inc_hf static INT8 on OpenVINO": Peer(ours_on("openvino"), as_onnx(ours("static"))),
}
