"""Dataloaders from the `dataloader` sections of a conf: of the datasets and transforms of 1.X that are kept."""

from collections.abc import Callable, Mapping
from typing import Any

from torch.utils.data import DataLoader, Dataset

from inc_hf.errors import UsageError
from inc_hf.migrate.conf.data_sections import DataloaderSection
from inc_hf.migrate.conf.datasets import DummyDataset, DummyV2Dataset, GlueDataset, ImageFolder
from inc_hf.migrate.conf.fields import Named
from inc_hf.migrate.conf.reader import read_dataloader
from inc_hf.migrate.conf.transforms import TRANSFORMS, composed

DATASETS: dict[str, Callable[..., Dataset]] = {
    "dummy": DummyDataset,
    "dummy_v2": DummyV2Dataset,
    "ImageFolder": ImageFolder,
    "GLUE": GlueDataset,
}
WITH_TRANSFORM = ("ImageFolder",)
IMAGES_OF_HUB = 'datasets.load_dataset("imagefolder", data_dir=ROOT)'
# What became of the others, and the 2.X way
RECORDS = "it reads TensorFlow's records; pass a DataLoader of the same data"
BOXES = "pass a DataLoader of the images and boxes, such as torchvision.datasets.CocoDetection"
FOLDERS = f"put the images into one folder per class and take ImageFolder, or {IMAGES_OF_HUB}"
OTHER_DATASETS = {
    **{
        name: f"torchvision.datasets.{name}(root=…) reads it; pass a DataLoader of it"
        for name in ("CIFAR10", "CIFAR100", "MNIST", "FashionMNIST")
    },
    **dict.fromkeys(("TFRecordDataset", "ImageRecord", "VOCRecord", "COCORecord", "mzbert"), RECORDS),
    "bert": "from a file it reads TensorFlow's records; pass a DataLoader of tokenized texts, or take GLUE",
    "sparse_dummy_v2": "no PyTorch model takes sparse inputs of this form; pass a DataLoader",
    **dict.fromkeys(("COCORaw", "COCONpy"), BOXES),
    **dict.fromkeys(("ImagenetRaw", "Imagenet"), FOLDERS),
    "style_transfer": "pass a DataLoader of pairs of images",
}
OTHER_TRANSFORM = "it is of another framework; do it in the dataset of a DataLoader of your own"


def reason_against(section: DataloaderSection) -> str | None:
    """Why INC's dataset or transform is not kept and what to do, or None."""
    name = section.dataset.name
    if name not in DATASETS:
        return f"INC's dataset `{name}` is not kept: {OTHER_DATASETS[name]}."
    for each in section.transform if name in WITH_TRANSFORM else ():
        if each.name not in TRANSFORMS:
            return f"INC's transform `{each.name}` is not kept: {OTHER_TRANSFORM}."
        if "rescale" in each.args:
            return f"`rescale` of INC's transform `{each.name}` is not kept: {OTHER_TRANSFORM}."
    return None


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
