"""Dataloaders from the `dataloader` sections of a conf: of the datasets and transforms of 1.X that are kept."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch.utils.data import DataLoader, Dataset, IterableDataset

from inc_hf.built_in.datasets import DATASETS
from inc_hf.built_in.loader import BATCH_SIZE, PyTorchDataLoader
from inc_hf.built_in.transforms import ComposeTransform, OfFirst, of_pillow
from inc_hf.errors import UsageError
from inc_hf.migrate.conf.data_sections import DataloaderSection
from inc_hf.migrate.conf.fields import Named
from inc_hf.migrate.conf.kept import WITH_TRANSFORM, reason_against
from inc_hf.migrate.conf.reader import read_dataloader


def build_dataloader(
    dataset: Mapping[str, Any],
    batch_size: int = BATCH_SIZE,
    transform: Mapping[str, Any] | None = None,
    shuffle: bool = False,
    last_batch: str = "rollover",
) -> DataLoader:
    """
    What a `dataloader` section makes, for scripts: `build_dataloader({"ImageFolder": {"root": "images"}})`; transforms
    by name in their order.
    """
    content = {"dataset": dataset, "batch_size": batch_size, "shuffle": shuffle, "last_batch": last_batch}
    return dataloader_of(read_dataloader({**content, **({"transform": transform} if transform else {})}))


def dataloader_of(section: DataloaderSection) -> DataLoader:
    """
    A dataloader of a section; `last_batch: discard` leaves out one that is not full.

    Raises:
        UsageError: its dataset, or one of its transforms, is none that is kept; says the 2.X way.
        FileNotFoundError: its files are not there.
    """
    dataset = _dataset_of(section)
    return PyTorchDataLoader(
        dataset,
        section.batch_size or BATCH_SIZE,
        section.last_batch,
        collate_fn=getattr(dataset, "collate", None),
        shuffle=section.shuffle and not isinstance(dataset, IterableDataset),  # which has random numbers anyway
    )


def _dataset_of(section: DataloaderSection) -> Dataset:
    if (reason := reason_against(section)) is not None:
        raise UsageError(reason)
    name, settings = section.dataset.name, dict(section.dataset.args)
    if name in WITH_TRANSFORM and section.transform:  # INC's other datasets ignore them, too
        settings["transform"] = _composed(section.transform)
    return DATASETS[name](**settings)


def _composed(transforms: Sequence[Named]) -> ComposeTransform:
    return ComposeTransform(OfFirst(of_pillow(each.name)(**each.args)) for each in transforms)
