"""INC's dataloaders, which are those of torch."""

from collections.abc import Callable, Iterable
from typing import Any

from torch import distributed
from torch.utils import data

from inc_hf.config.checks import check_choice
from inc_hf.config.elsewhere import OURS, check_framework
from inc_hf.errors import UsageError

LAST_BATCH = ("rollover", "discard")
BATCH_SIZE = 64  # INC's, wherever a YAML or a dict has a dataset and no size of its batches


class PyTorchDataLoader(data.DataLoader):
    """A dataloader of torch with INC's arguments.

    Args:
        last_batch (`str`, *optional*, defaults to `"rollover"`): "discard" drops the last batch if it is not full.
        distributed (`bool`, *optional*, defaults to `False`): whether each process gets its part of the data.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        last_batch: str = "rollover",
        collate_fn: Callable | None = None,
        sampler: Iterable | None = None,
        batch_sampler: Iterable | None = None,
        num_workers: int = 0,
        pin_memory: bool = False,
        shuffle: bool = False,
        distributed: bool = False,
    ):
        drop_last = check_choice("last_batch", last_batch, LAST_BATCH) == "discard"
        if distributed and sampler is None:
            sampler = sampler_of_process(dataset, shuffle)
            shuffle = False
        if hasattr(dataset, "__iter__") and not hasattr(dataset, "__getitem__"):
            dataset = dataset if isinstance(dataset, data.IterableDataset) else Stream(dataset)
        batches = {"batch_size": batch_size, "drop_last": drop_last, "shuffle": shuffle, "sampler": sampler}
        if batch_sampler is not None:  # which says all of this
            batches = {"batch_sampler": batch_sampler}
        super().__init__(dataset, collate_fn=collate_fn, num_workers=num_workers, pin_memory=pin_memory, **batches)


class Stream(data.IterableDataset):
    """An object of a script that has `__iter__` only."""

    def __init__(self, samples: Iterable):
        self.samples = samples

    def __iter__(self):
        return iter(self.samples)


def sampler_of_process(dataset: Any, shuffle: bool) -> data.Sampler:
    """What shares the samples out to the processes.

    Raises:
        ValueError: there are none.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        raise UsageError("`distributed=True` needs processes: call `torch.distributed.init_process_group` first.")
    return data.distributed.DistributedSampler(dataset, shuffle=shuffle)


class DataLoader:
    """`DataLoader(framework="pytorch", dataset=dataset, batch_size=8)`: makes a [`PyTorchDataLoader`]."""

    def __new__(
        cls, framework: str, dataset: Any, batch_size: int = 1, collate_fn: Callable | None = None, **settings: Any
    ):
        check_framework(framework)
        return PyTorchDataLoader(dataset, batch_size, collate_fn=collate_fn, **settings)


DATALOADERS = dict.fromkeys(OURS, PyTorchDataLoader)


def check_dataloader(dataloader: Any) -> bool:
    """True for what can be iterated and knows the size of its batches.

    Raises:
        ValueError: it cannot, or does not.
    """
    if not hasattr(dataloader, "__iter__") or not hasattr(dataloader, "batch_size"):
        raise UsageError(f"A dataloader has `__iter__` and `batch_size`, got {type(dataloader).__name__}.")
    return True
