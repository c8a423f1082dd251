"""`DataLoader` of INC 1.X."""

from collections.abc import Callable
from typing import Any

from inc_hf.built_in.loader import PyTorchDataLoader


class DataLoader(PyTorchDataLoader):
    """That of torch with INC's arguments, in the order of 1.X; see [`PyTorchDataLoader`]."""

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        collate_fn: Callable | None = None,
        last_batch: str = "rollover",
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        pin_memory: bool = False,
        shuffle: bool = False,
        distributed: bool = False,
    ):
        super().__init__(
            dataset,
            batch_size,
            last_batch,
            collate_fn,
            sampler,
            batch_sampler,
            num_workers,
            pin_memory,
            shuffle,
            distributed,
        )
