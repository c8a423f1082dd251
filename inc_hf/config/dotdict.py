"""Dicts whose keys are attributes, as those of INC's configs are."""

from functools import reduce
from typing import Any


class DotDict(dict):
    """A dict whose keys are attributes, those of the dicts in it, too; a key that is missing is None.

    A list of dicts becomes one dict of them all, as the pruners of a YAML file do.
    """

    def __init__(self, value: dict[str, Any] | None = None):
        super().__init__()
        if value is not None and not isinstance(value, dict):
            raise TypeError("expected dict")
        for key, item in (value or {}).items():
            self[key] = item

    def __getitem__(self, key: str) -> Any:
        return self.get(key)

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            value = {name: item for part in value for name, item in part.items()}
        if isinstance(value, dict) and not isinstance(value, DotDict):
            value = DotDict(value)
        super().__setitem__(key, value)

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):  # what Python asks of each object
            raise AttributeError(key)
        return self[key]

    __setattr__ = __setitem__

    def __reduce__(self) -> tuple:
        return DotDict, (dict(self),)


def deep_get(dictionary: Any, keys: str, default: Any = None) -> Any:
    """The value at `"first.second.third"` of dicts in dicts."""
    return reduce(lambda d, key: d.get(key, default) if isinstance(d, dict) else default, keys.split("."), dictionary)


def deep_set(dictionary: dict, keys: str, value: Any) -> None:
    """Set the value at `"first.second.third"`; dicts that are missing on the way are made."""
    *path, last = keys.split(".")
    for key in path:
        dictionary = dictionary.setdefault(key, DotDict())
    dictionary[last] = value
