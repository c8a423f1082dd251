"""Plain data that knows its lines."""

from dataclasses import dataclass
from typing import Any

from inc_hf.migrate.conf.errors import ConfError

DEEPEST = 64


@dataclass
class Entry:
    """A value and where it stands: `value` is plain, a list of entries, or a dict of names to entries."""

    value: Any
    line: int | None = None
    tag: str | None = None

    def plain(self) -> Any:
        """Without lines."""
        if isinstance(self.value, dict):
            return {name: entry.plain() for name, entry in self.value.items()}
        if isinstance(self.value, list):
            return [entry.plain() for entry in self.value]
        return self.value


def entry_of(content: Any, depth: int = 0) -> Entry:
    """The content of a dict, such as one of a script; None is what was left out."""
    if depth > DEEPEST:
        raise ConfError(f"is nested more than {DEEPEST} deep.")
    if isinstance(content, dict):
        items = ((str(name), item) for name, item in content.items() if item is not None)
        return Entry({name: entry_of(item, depth + 1) for name, item in items})
    if isinstance(content, list | tuple):
        return Entry([entry_of(item, depth + 1) for item in content])
    return Entry(content)
