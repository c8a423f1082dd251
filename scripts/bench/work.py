"""What the engines of `bench_peers.py` are timed on: batches of one shape, and streams of real texts."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from inc_hf.benchmark.batches import Batch, read_batches

SHAPES = ((1, 16), (1, 128), (8, 128), (32, 32), (1, 512))
STREAMS = {"one by one": (1, False), "32 in file order": (32, False), "32 sorted by length": (32, True)}
WORKS = [*(f"{batch} x {length}" for batch, length in SHAPES), *STREAMS]  # what each column of the table is
TEXTS = 128  # of a stream, which is one call
SUFFIXES = {".safetensors", ".onnx", ".data", ".bin"}  # of files with weights


def bytes_of_weights(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.suffix in SUFFIXES)


def inputs(ids: Tensor, mask: Tensor) -> Batch:
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids)}


def of_shapes(generator: torch.Generator) -> list[list[Batch]]:
    """One batch of random tokens for each shape."""
    tokens = [torch.randint(1000, 30000, size, generator=generator) for size in SHAPES]
    return [[inputs(ids, torch.ones_like(ids))] for ids in tokens]


def of_texts(texts: list[str], tokenizer: PreTrainedTokenizerBase) -> list[list[Batch]]:
    """The batches of each stream."""
    return [batches_of(texts, tokenizer, *how) for how in STREAMS.values()]


def batches_of(texts: list[str], tokenizer: PreTrainedTokenizerBase, size: int, by_length: bool) -> list[Batch]:
    """Batches of so many texts, each as long as its longest one."""
    order = sorted(texts, key=lambda text: len(tokenizer(text).input_ids)) if by_length else texts
    return [encoded(tokenizer, order[i : i + size], padding=True) for i in range(0, len(order), size)]


def encoded(tokenizer: PreTrainedTokenizerBase, texts: list[str], **settings: Any) -> Batch:
    found = tokenizer(texts, return_tensors="pt", **settings)
    return inputs(found["input_ids"], found["attention_mask"])


def works_of(task: dict[str, Any]) -> list[list[Batch]]:
    """The batches of each work of a task, by their numbers in its file."""
    batches = read_batches(task["batches"])
    return [[batches[index] for index in work] for work in task["works"]]
