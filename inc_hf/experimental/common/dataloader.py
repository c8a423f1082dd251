"""`DataLoader` of INC 1.X."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import IterableDataset

from inc_hf.config.checks import check_choice
from inc_hf.errors import UsageError, UsageTypeError


class DataLoader(torch.utils.data.DataLoader):
    """That of torch with INC's arguments.

    Args:
        dataset: has `__getitem__` and `__len__`, or `__iter__`.
        batch_size (`int`, *optional*, defaults to 1): samples of a batch.
        collate_fn, sampler, batch_sampler, num_workers, pin_memory, shuffle: as torch has them.
        last_batch (`str`, *optional*, defaults to `"rollover"`): "discard" leaves a smaller last batch out.
        distributed (`bool`, *optional*): refused if True.
    """

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
        check_choice("last_batch", last_batch, ("rollover", "discard"))
        if distributed:
            raise UsageError(
                "`distributed=True` needs Horovod, which is not used here; give a `torch.utils.data.DataLoader` with "
                "a `DistributedSampler`, and start the script with torchrun."
            )
        if not hasattr(dataset, "__getitem__"):
            if not hasattr(dataset, "__iter__"):
                raise UsageTypeError(f"`dataset` needs `__getitem__` or `__iter__`, got {type(dataset).__name__}.")
            dataset = dataset if isinstance(dataset, IterableDataset) else _Stream(dataset)
        own = {} if batch_sampler is not None else {"batch_size": batch_size, "shuffle": shuffle or None}
        own |= {} if batch_sampler is not None else {"drop_last": last_batch == "discard"}
        samplers = {"sampler": sampler, "batch_sampler": batch_sampler}
        super().__init__(
            dataset, **own, **samplers, collate_fn=collate_fn, num_workers=num_workers, pin_memory=pin_memory
        )


class _Stream(IterableDataset):
    """An iterable as torch's loader takes it."""

    def __init__(self, data: Any):
        self.data = data

    def __iter__(self) -> Iterator[Any]:
        return iter(self.data)
