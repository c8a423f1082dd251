"""INC 2.X's `neural_compressor.data.filters`: those of INC were for records of TensorFlow."""

from collections.abc import Callable
from typing import Any

from inc_hf.config.elsewhere import TENSORFLOW, check_framework, elsewhere
from inc_hf.errors import UsageError

LabelBalanceCOCORecordFilter = elsewhere("LabelBalanceCOCORecordFilter", TENSORFLOW)


class Filter:
    """What a filter of one's own inherits from: it says of a sample and its label whether they stay."""

    def __call__(self, *args: Any) -> bool:
        raise NotImplementedError


class FILTERS:
    """There are none of ours, and those that a script has added."""

    registered: dict[str, type] = {}

    def __init__(self, framework: str):
        check_framework(framework)
        self.filters = self.registered

    def __getitem__(self, filter_type: str) -> type:
        if filter_type not in self.filters:
            raise UsageError(f"There is no filter {filter_type!r}; leave samples out in the dataset that you pass.")
        return self.filters[filter_type]


def filter_registry(filter_type: str, framework: str) -> Callable[[type], type]:
    """A decorator that adds a class to the filters."""

    def add(cls: type) -> type:
        FILTERS.registered[filter_type] = cls
        return cls

    return add
