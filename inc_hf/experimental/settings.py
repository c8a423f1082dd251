"""The content of a conf as scripts of INC 1.X write to it: nested dicts with attributes."""

from collections.abc import Mapping
from typing import Any


class Settings(dict):
    """A dict whose entries are attributes, too, at any depth.

    What is missing reads as empty settings, which are false, and becomes an entry when something is written into it:

    ```python
    conf.tuning.exit_policy.max_trials = 10
    ```
    """

    def __init__(self, values: Mapping[str, Any] | None = None):
        super().__init__()
        object.__setattr__(self, "_place", None)  # (parent, key) of settings that are no entry yet
        for key, value in dict(values or {}).items():
            self[key] = value

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, _nested(value))
        place, self.__dict__["_place"] = self.__dict__.get("_place"), None
        if place is not None:
            parent, name = place
            parent[name] = self

    def __missing__(self, key: str) -> "Settings":
        missing = Settings()
        missing.__dict__["_place"] = (self, key)
        return missing

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):  # what `copy` and `pickle` look for
            raise AttributeError(key)
        return self[key]

    def __setattr__(self, key: str, value: Any) -> None:
        self[key] = value

    def __delattr__(self, key: str) -> None:
        self.pop(key, None)

    def __deepcopy__(self, memo: dict) -> "Settings":
        return Settings(self.to_dict())

    def __reduce__(self) -> tuple:
        return Settings, (self.to_dict(),)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and lists."""
        return {key: _plain(value) for key, value in self.items()}


def _nested(value: Any) -> Any:
    if isinstance(value, Mapping) and not isinstance(value, Settings):
        return Settings(value)
    return [_nested(item) for item in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Settings):
        return value.to_dict()
    return [_plain(item) for item in value] if isinstance(value, list) else value
