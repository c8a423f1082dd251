"""Values and configs as Python source text, broken where a line gets too long."""

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from inc_hf.config.base import ConfigMixin
from inc_hf.config.given import NotesGiven

WIDTH = 100
INDENT = "    "
# Renders the value of a field in another way; None leaves it to this file
Special = Callable[[str, Any], str | None]


def assignment(name: str, value: Any, special: Special | None = None) -> list[str]:
    """The lines of `name = value`."""
    return source_text(value, special, prefix=f"{name} = ").split("\n")


def comment(text: str) -> list[str]:
    """The lines of a comment."""
    lines = textwrap.wrap(text, WIDTH - 2, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return [f"# {line}" for line in lines]


def source_text(value: Any, special: Special | None = None, prefix: str = "", depth: int = 0) -> str:
    """`prefix` and the text of a value, on one line if it fits."""
    flat = prefix + _flat(value, special)
    if depth * len(INDENT) + len(flat) + 1 <= WIDTH or _is_plain(value):
        return flat
    opening, items, closing = _parts(value, special)
    inner = INDENT * (depth + 1)
    lines = [inner + source_text(item, special, prefix=label, depth=depth + 1) + "," for label, item in items]
    return "\n".join([prefix + opening, *lines, INDENT * depth + closing])


def arguments_of(config: ConfigMixin) -> dict[str, Any]:
    """The fields that are not the defaults."""
    plain = type(config)()
    found = {name: value for name, value in dict(config).items() if value != plain[name]}
    if isinstance(config, NotesGiven) and config.is_given():
        found = {config.NOTED: config[config.NOTED], **found}
    return found


class Code(str):
    """Text that stands for itself."""


@dataclass
class Call:
    """A call: its arguments, each with what stands before it, such as `conf=`."""

    function: str
    arguments: list[tuple[str, Any]]


def names_in(config: ConfigMixin) -> set[str]:
    """The classes that the text of a config names."""
    return {type(config).__name__}.union(
        *(names_in(value) for value in arguments_of(config).values() if isinstance(value, ConfigMixin))
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, ConfigMixin):
        return not arguments_of(value)
    if isinstance(value, Call):
        return not value.arguments
    return not isinstance(value, Mapping | list | tuple) or not value


def _flat(value: Any, special: Special | None) -> str:
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    if _is_plain(value) and not isinstance(value, ConfigMixin | Call):
        return repr(value)
    opening, items, closing = _parts(value, special)
    comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
    return opening + ", ".join(label + _flat(item, special) for label, item in items) + comma + closing


def _parts(value: Any, special: Special | None) -> tuple[str, list[tuple[str, Any]], str]:
    """How a value opens, its items with what stands before each, and how it closes."""
    if isinstance(value, ConfigMixin):
        named = [(f"{name}=", _rendered(name, item, special)) for name, item in arguments_of(value).items()]
        return f"{type(value).__name__}(", named, ")"
    if isinstance(value, Call):
        return f"{value.function}(", value.arguments, ")"
    if isinstance(value, Mapping):
        pairs = [(f"{_flat(name, None)}: ", _rendered(name, item, special)) for name, item in value.items()]
        return "{", pairs, "}"
    opening, closing = ("(", ")") if isinstance(value, tuple) else ("[", "]")
    return opening, [("", item) for item in value], closing


def _rendered(name: Any, value: Any, special: Special | None) -> Any:
    text = special(name, value) if special is not None else None
    return value if text is None else Code(text)


def _quoted(text: str) -> str:
    """With the quotes that a formatter would choose."""
    written = repr(text)
    if written.startswith("'") and '"' not in written:
        return f'"{written[1:-1]}"'
    return written
