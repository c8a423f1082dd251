"""What an engine is to `bench_peers.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification, PreTrainedModel

Batch = dict[str, Tensor]
Run = Callable[[Batch], Tensor]


@dataclass
class Engine:
    """An engine with one setting. Both functions run in a process of their own: `python -m bench.peer_worker`.

    Args:
        load (`Callable`): `(model directory, folder, threads)` -> function of a batch, which gives logits.
        make (`Callable`, *optional*): `(model directory, folder, calibration batches)`; writes to the folder.
        source (`str`): the model that it takes: "dense", or the share of zero blocks, "80 %" or "90 %".
        any_length (`bool`): False if it compiles for each shape, so that texts of all lengths are not for it.
        worker (`str`): the module of its process; another one than "bench.peer_worker" runs in vLLM's environment.
    """

    load: Callable[[str, Path, int], Run]
    make: Callable[[str, Path, list[Batch]], Any] = lambda model, folder, batches: None
    source: str = "dense"
    any_length: bool = True
    worker: str = "bench.peer_worker"


def fp32(model: str) -> PreTrainedModel:
    return AutoModelForSequenceClassification.from_pretrained(model, dtype=torch.float32).eval()


def of_torch(module: Callable) -> Run:
    """A function of a batch from a model that returns an output of transformers."""

    @torch.no_grad()
    def run(batch: Batch) -> Tensor:
        return module(**batch).logits

    return run
