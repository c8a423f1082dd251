"""What the engines of `bench_peers.py` are timed on: batches of one shape, and streams of real texts."""

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from inc_hf.benchmark.batches import Batch, read_batches

SHAPES = ((1, 16), (1, 128), (8, 128), (32, 32), (1, 512))
STREAMS = {"one by one": (1, False), "32 in file order": (32, False), "32 by length": (32, True)}
WORKS = [*(f"{batch} x {length}" for batch, length in SHAPES), *STREAMS]  # what each column of the table is
TEXTS = 128  # of a stream, which is one call
SUFFIXES = {".safetensors", ".onnx", ".data", ".bin"}  # of files with weights


def inputs(ids: Tensor, mask: Tensor) -> Batch:
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids)}


def of_shapes(generator: torch.Generator) -> list[list[Batch]]:
    """One batch of random tokens for each shape."""
    tokens = [torch.randint(1000, 30000, size, generator=generator) for size in SHAPES]
    return [[inputs(ids, torch.ones_like(ids))] for ids in tokens]


def of_texts(texts: list[str], tokenizer: PreTrainedTokenizerBase) -> list[list[Batch]]:
    """The batches of each stream, as long as the longest text of each."""
    by_length = sorted(texts, key=lambda text: len(tokenizer(text).input_ids))
    return [
        [
            encoded(tokenizer, order[i : i + size], padding=True)
            for order in (by_length if is_sorted else texts,)
            for i in range(0, len(order), size)
        ]
        for size, is_sorted in STREAMS.values()
    ]


def encoded(tokenizer: PreTrainedTokenizerBase, texts: list[str], **settings: Any) -> Batch:
    found = tokenizer(texts, return_tensors="pt", **settings)
    return inputs(found["input_ids"], found["attention_mask"])


def works_of(task: dict[str, Any]) -> list[list[Batch]]:
    """The batches of each work of a task, by their numbers in its file."""
    batches = read_batches(task["batches"])
    return [[batches[index] for index in work] for work in task["works"]]
