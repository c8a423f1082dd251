"""INC's datasets by their names, and those that a script has added."""

from collections.abc import Callable
from typing import Any

from inc_hf.built_in.absent import ABSENT
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
    if name in ABSENT:
        return f"The dataset {name!r} is not built in: {ABSENT[name]}; {here}."
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
