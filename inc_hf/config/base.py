"""What all config classes share: conversion to and from dicts, JSON text and files."""

import copy
import dataclasses
import json
import logging
import os
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from inc_hf.atomic import write_text
from inc_hf.config.checks import did_you_mean, parse_json, wrong_type
from inc_hf.errors import UsageError, usage_error_for

# `HfArgumentParser` reads a union as its second member (its first if the second is `str` and None is not in it), so
# the order of the members in the fields matters: where `str` stands second before None, a command line gives a text,
# which `_check_fields` parses.
JsonDict = dict | str | None
JsonList = list | str | None

logger = logging.getLogger(__name__)

Config = TypeVar("Config", bound="ConfigMixin")


class ConfigMixin:
    """Base of every config dataclass: `dict(config)`, `to_dict`, `from_dict`, `to_json_string`, `save` and `load`.

    All fields are checked when a config is made, and each again when a value is assigned to it: what is refused leaves
    the config as it was. Rules that connect several fields are checked when it is made and when it is used, since
    fields are assigned one by one.
    """

    UNREAD: ClassVar[tuple[str, ...]] = ()  # fields of INC's that nothing here reads
    _is_made = _has_told = False

    def __post_init__(self):
        self.check()
        vars(self)["_is_made"] = True

    def check(self) -> None:
        """Check everything, and bring what was changed inside a dict or a list into its plain form, too.

        Raises:
            TypeError, ValueError: see the message; the config is as it was then.
        """
        checked = copy.copy(self)
        checked._is_made = False
        checked._check_fields()
        checked._check_together()
        vars(self).update({key: vars(checked)[key] for key in self.keys()})

    def use(self) -> None:
        """What a verb does first: [`check`], and say once which settings change nothing, or are not what INC's are.

        Raises:
            TypeError, ValueError: as [`check`].
        """
        self.check()
        if self._has_told:
            return
        self._has_told = True
        if idle := self._idle():
            verb = "changes" if len(idle) == 1 else "change"
            logger.warning("%s of the %s %s nothing here.", ", ".join(idle), type(self).__name__, verb)
        for difference in self._differences():
            logger.warning("%s", difference)

    def _differences(self) -> list[str]:
        """What means something else than in INC, in sentences."""
        return []

    def _idle(self) -> list[str]:
        """The settings, other than the defaults, that nothing reads, in words."""
        default = type(self)()
        return [f"`{name}`" for name in self.UNREAD if self[name] != default[name]]

    def _check_fields(self) -> None:
        """Check each field and store its plain form."""

    def _check_together(self) -> None:
        """Check what connects several fields."""

    def __setattr__(self, name: str, value: Any) -> None:
        if self._is_made and name in self.keys():
            changed = copy.copy(self)
            vars(changed).update({"_is_made": False, name: value})
            changed._check_fields()
            value = vars(changed)[name]
        elif self._is_made and not name.startswith("_") and not hasattr(type(self), name):
            nearest = did_you_mean(name, self.keys())
            logger.warning("Nothing reads `%s` of a %s%s", name, type(self).__name__, nearest)
        object.__setattr__(self, name, value)

    def keys(self) -> tuple[str, ...]:
        """Names of the fields, so that `dict(config)` and `**config` work."""
        return tuple(field.name for field in dataclasses.fields(self))

    def __getitem__(self, key: str) -> Any:
        if key not in self.keys():
            raise KeyError(f"{type(self).__name__} has no field {key!r}{did_you_mean(key, self.keys())}")
        return getattr(self, key)

    def to_dict(self) -> dict[str, Any]:
        """The fields as values that JSON knows, nested configs as dicts.

        A value that JSON cannot hold, such as a module or a tensor, becomes its `name_or_path` if that is a string,
        otherwise None.
        """
        return {key: _to_plain(self[key]) for key in self.keys()}

    @classmethod
    def from_dict(cls: type[Config], values: dict[str, Any]) -> Config:
        """The config with these fields; fields that are left out get their default, an unknown one is an error."""
        names = [field.name for field in dataclasses.fields(cls)]
        for key in values:
            if key not in names:
                raise UsageError(
                    f"`{cls.__name__}` has no field {key!r}, only {', '.join(names)}{did_you_mean(key, names)}"
                )
        return cls(**values)

    def to_json_string(self) -> str:
        return json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n"

    def save(self, path: str | os.PathLike) -> None:
        """Write the config to the JSON file `path`; a reader sees the old file or the new one, never a part."""
        write_text(path, self.to_json_string())

    @classmethod
    def load(cls: type[Config], path: str | os.PathLike) -> Config:
        """The config that `save` has written to `path`."""
        with usage_error_for(f"{path} cannot be read as text"):
            text = Path(path).read_text(encoding="utf-8")
        values = parse_json(os.fspath(path), text, dict)
        try:
            return cls.from_dict(values)
        except UsageError as error:
            raise type(error)(f"{os.fspath(path)}: {error}") from error


def build(name: str, value: Any, cls: type[Config]) -> Config:
    """The nested config of field `name` from an object of `cls`, a dict, a JSON text or None (all defaults)."""
    if isinstance(value, cls):
        return value
    if not isinstance(value, (dict, str, type(None))):
        raise wrong_type(name, f"an object of {cls.__name__}, a dict or its JSON text", value)
    return cls.from_dict(parse_json(name, value, dict))


def _to_plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, ConfigMixin):
        return value.to_dict()
    if isinstance(value, dict):
        return {str(key): _to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    name = getattr(value, "name_or_path", None)
    return name if isinstance(name, str) else None
