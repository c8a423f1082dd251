"""How the sections of a conf say what they hold: each is a dataclass whose fields know how their values are read."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

# Reads one value: gets plain data, returns the value; what it refuses is a ValueError that begins with "must be".
Parse = Callable[[Any], Any]
Spec = Mapping[str, Mapping[str, Parse]]
REQUIRED = "required"


@dataclasses.dataclass(frozen=True)
class Needed:
    """Reads a setting that has to be given."""

    parse: Parse

    def __call__(self, value: Any) -> Any:
        return self.parse(value)


def key(parse: Parse, default: Any = None, required: bool = False) -> Any:
    """A value. A list or dict as a default is copied."""
    metadata = {"parse": parse, REQUIRED: required}
    if isinstance(default, list | dict):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def section(kind: type, always: bool = False, required: bool = False) -> Any:
    """A section of its own; `always` has it with its defaults where it is not given, as INC does."""
    metadata = {"section": kind, REQUIRED: required}
    if always:
        return dataclasses.field(default_factory=kind, metadata=metadata)
    return dataclasses.field(default=None, metadata=metadata)


def sections_by_name(kind: type) -> Any:
    """`{name: section}` with names of the user's, such as those of layers."""
    return dataclasses.field(default_factory=dict, metadata={"by_name": kind})


def pruners(tag: str, kind: type) -> Any:
    """A list of `!Pruner` or `!PrunerV2`."""
    return dataclasses.field(default=None, metadata={"pruners": (tag, kind)})


def one_of(spec: Spec, what: str, required: bool = False) -> Any:
    """A [`Named`]: one name of `spec` with its settings."""
    return dataclasses.field(default=None, metadata={"one_of": (spec, what), REQUIRED: required})


def several_of(spec: Spec, what: str) -> Any:
    """A list of [`Named`] in the order of the file."""
    return dataclasses.field(default_factory=list, metadata={"several_of": (spec, what)})


@dataclasses.dataclass
class Named:
    """What a conf names, such as a dataset, an optimizer or a transform, with its settings; a metric such as
    `topk: 1`, which has one that has no name, has it as `args[""]`."""

    name: str
    args: dict[str, Any] = dataclasses.field(default_factory=dict)
