"""CTranslate2: its encoder without padding, and the classifier on top of it in torch."""

import ctypes
import os
from pathlib import Path

import numpy
import torch
from bench.engines.engine import Batch, Run, fp32
from torch import Tensor

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h


def convert(model: str, folder: Path, batches: list[Batch]) -> None:
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(model).convert(str(folder / "model"), quantization="int8")


def run(model: str, folder: Path, threads: int) -> Run:
    """With AVX512 where the CPU has it, since it takes AVX2 by itself on AMD, and memory that it need not ask for."""
    if torch.backends.cpu.get_cpu_capability() == "AVX512":
        os.environ["CT2_FORCE_CPU_ISA"] = "AVX512"
    for name in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
        ctypes.CDLL(None).mallopt(name, 1 << 30)
    import ctranslate2

    encoder = ctranslate2.Encoder(str(folder / "model"), compute_type="int8", intra_threads=threads)
    classifier = fp32(model).classifier

    @torch.no_grad()
    def logits(batch: Batch) -> Tensor:
        lengths = batch["attention_mask"].sum(1).tolist()
        tokens = [ids[:n] for ids, n in zip(batch["input_ids"].tolist(), lengths, strict=True)]
        output = encoder.forward_batch(tokens, token_type_ids=[[0] * n for n in lengths])
        return classifier(torch.from_numpy(numpy.array(output.pooler_output)))

    return logits
