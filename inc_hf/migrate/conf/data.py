"""Dataloaders from the `dataloader` sections of a conf: of the datasets and transforms of 1.X that are kept."""

from collections.abc import Callable, Mapping
from typing import Any

from torch.utils.data import DataLoader, Dataset

from inc_hf.errors import UsageError
from inc_hf.migrate.conf.data_sections import DataloaderSection
from inc_hf.migrate.conf.datasets import DummyDataset, DummyV2Dataset, GlueDataset, ImageFolder
from inc_hf.migrate.conf.fields import Named
from inc_hf.migrate.conf.kept import WITH_TRANSFORM, reason_against
from inc_hf.migrate.conf.reader import read_dataloader
from inc_hf.migrate.conf.transforms import composed

DATASETS: dict[str, Callable[..., Dataset]] = {
    "dummy": DummyDataset,
    "dummy_v2": DummyV2Dataset,
    "ImageFolder": ImageFolder,
    "GLUE": GlueDataset,
}


def dataset_of(section: DataloaderSection) -> Dataset:
    """
    The dataset of a `dataloader` section, with its transforms.

    Raises:
        UsageError: it is none that is kept; says the 2.X way.
        FileNotFoundError: its files are not there.
    """
    if (reason := reason_against(section)) is not None:
        raise UsageError(reason)
    name, settings = section.dataset.name, dict(section.dataset.args)
    if name in WITH_TRANSFORM:  # INC's other datasets ignore them, too
        settings["transform"] = composed(section.transform)
    return DATASETS[name](**settings)


def dataloader_of(section: DataloaderSection) -> DataLoader:
    """A dataloader of a section; `last_batch: discard` leaves out one that is not full."""
    dataset = dataset_of(section)
    return DataLoader(
        dataset,
        batch_size=section.batch_size or 1,
        shuffle=section.shuffle,
        drop_last=section.last_batch == "discard",
        collate_fn=getattr(dataset, "collate", None),
    )


def build_dataloader(
    dataset: Mapping[str, Any],
    batch_size: int = 1,
    transform: Mapping[str, Any] | None = None,
    shuffle: bool = False,
    last_batch: str = "rollover",
) -> DataLoader:
    """
    The same from a script, in the form of the file: `{"ImageFolder": {"root": "images"}}`, and transforms by name in
    their order.
    """
    content = {"dataset": dataset, "batch_size": batch_size, "shuffle": shuffle, "last_batch": last_batch}
    return dataloader_of(read_dataloader({**content, **({"transform": transform} if transform else {})}))


def named_dataset(name: str, transform: list[Named] | None = None, **settings: Any) -> Dataset:
    """One dataset by its name, for paths of INC that ask for it so."""
    return dataset_of(DataloaderSection(dataset=Named(name, settings), transform=transform or []))
