"""INC's datasets by their names, and those that a script has added."""

from collections.abc import Callable
from typing import Any

from inc_hf.built_in.bert import BertDataset
from inc_hf.built_in.dummy import DummyDataset, DummyStream
from inc_hf.built_in.glue import GlueDataset
from inc_hf.built_in.images import ImageFolder
from inc_hf.config.checks import did_you_mean
from inc_hf.config.elsewhere import check_framework, check_one_framework
from inc_hf.errors import UsageError

DATASETS: dict[str, Any] = {
    "dummy": DummyDataset,
    "dummy_v2": DummyStream,
    "ImageFolder": ImageFolder,
    "bert": BertDataset,
    "GLUE": GlueDataset,
}
# Of INC's, those that are not here, and what serves instead: passed as the dataset of a dataloader.
FROM_TORCHVISION = ("CIFAR10", "CIFAR100", "MNIST", "FashionMNIST")
FROM_FILES = ("ImagenetRaw", "COCORaw", "COCONpy", "COCORecord", "ImageRecord", "TFRecordDataset", "VOCRecord",
              "Imagenet", "style_transfer", "mzbert", "sparse_dummy_v2")  # fmt: skip


class Datasets:
    """The classes of datasets by name: `Datasets("pytorch")["dummy"](shape=(8, 3, 224, 224))`."""

    def __init__(self, framework: str):
        check_framework(framework)
        self.datasets = DATASETS

    def __getitem__(self, dataset_type: str) -> Any:
        if dataset_type in self.datasets:
            return self.datasets[dataset_type]
        raise UsageError(refusal(str(dataset_type)))


def refusal(name: str) -> str:
    """Why there is no such dataset, and what to use instead."""
    here = f"the built-in ones are {', '.join(DATASETS)}"
    instead = "pass any dataset, list or dataloader as `calib_dataloader` or `eval_dataloader`"
    if name in FROM_TORCHVISION:
        return f"The dataset {name!r} is not built in; {instead}, such as `torchvision.datasets.{name}(root)`; {here}."
    if name in FROM_FILES:
        return f"The dataset {name!r} is not built in; {instead} that reads such files; {here}."
    return f"Unknown dataset {name!r}; {here}{did_you_mean(name, DATASETS)}"


def dataset_registry(dataset_type: str, framework: str, dataset_format: str = "") -> Callable[[type], type]:
    """A decorator that adds a class to the datasets of the frameworks, such as "pytorch, onnxruntime"."""
    check_one_framework(framework)
    key = f"{dataset_type}{dataset_format}"

    def add(cls: type) -> type:
        if key in DATASETS:
            raise UsageError(f"There is a dataset {key!r} already; choose another name.")
        DATASETS[key] = cls
        return cls

    return add
