"""inc_hf on its runtimes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.engines.engine import Batch, Run, fp32, of_torch

from inc_hf import (
    IncModelForSequenceClassification,
    IncQuantizer,
    PostTrainingQuantConfig,
    mix_precision,
    optimize,
    quantization,
)
from inc_hf.export import export_model


def ours(approach: str, **settings: Any) -> Callable:
    """What makes a checkpoint, with settings of its config."""

    def make(model: str, folder: Path, batches: list[Batch]) -> None:
        data = batches if approach == "static" else None
        size = len(batches) * len(batches[0])
        config = PostTrainingQuantConfig(approach=approach, calibration_sampling_size=size, **settings)
        quantization.fit(fp32(model), config, calib_dataloader=data).save_pretrained(folder / "model")

    return make


def for_vllm(model: str, folder: Path, batches: list[Batch]) -> None:
    """A checkpoint that vLLM can load, with the tokenizer that it looks for."""
    quantizer = IncQuantizer.from_pretrained(model, task="text-classification")
    quantizer.quantize(PostTrainingQuantConfig(approach="dynamic"), folder / "model", runtime="vllm")


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
