"""The nodes of PyYAML as entries. Nothing in a file is ever run, or made larger than it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from inc_hf.migrate.conf.entries import DEEPEST, Entry
from inc_hf.migrate.conf.errors import ConfError

MOST_VALUES = 100_000
PRUNER_TAGS = ("!Pruner", "!PrunerV2")
PREFIX = "tag:yaml.org,2002:"
NUMBERS = ("int", "float")
LONGEST_NUMBER = 100  # characters; with a colon, YAML 1.1 means base 60, which takes long and which nobody means
AS_TEXT = ("str", "timestamp", "binary", "value")


class Loader(yaml.SafeLoader):
    """Composes nodes, and stops where they are nested too deeply: PyYAML recurs."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise yaml.composer.ComposerError(
                None, None, f"nested more than {DEEPEST} deep", self.peek_event().start_mark
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class NodeReader:
    """Turns the nodes of one file into entries."""

    def __init__(self, loader: Loader, file: Path | None):
        self.loader, self.file = loader, file
        self.values = 0
        self.around: list[yaml.Node] = []

    def entry(self, node: yaml.Node, where: tuple[str, ...]) -> Entry:
        """A node and all in it; `where` are the keys that lead there.

        Raises:
            ConfError: a tag, a key or an alias that no conf can have, or too many values.
        """
        line = node.start_mark.line + 1
        self.values += 1
        if self.values > MOST_VALUES:
            raise ConfError(
                f"has more than {MOST_VALUES:,} values; an alias (`*name`) counts each time.", self.file, line
            )
        if node in self.around:
            raise ConfError("is an alias of a value that it is in itself.", self.file, line, _dotted(where))
        tag = self._tag(node, where)
        if isinstance(node, yaml.ScalarNode):
            return Entry(self._scalar(node), line, tag)
        self.around.append(node)
        if isinstance(node, yaml.SequenceNode):
            value: Any = [self.entry(item, (*where, str(i))) for i, item in enumerate(node.value)]
        else:
            value = dict(self._items(node, where))
        self.around.pop()
        return Entry(value, line, tag)

    def _tag(self, node: yaml.Node, where: tuple[str, ...]) -> str | None:
        """That of a pruner, or None; other tags than those of plain data are refused."""
        short = node.tag.removeprefix(PREFIX)
        if node.tag in PRUNER_TAGS and not isinstance(node, yaml.SequenceNode):
            return node.tag
        kinds = {yaml.SequenceNode: ("seq", "python/tuple"), yaml.MappingNode: ("map",)}
        allowed = kinds.get(type(node), ("null", "bool", "int", "float", *AS_TEXT))
        if short not in allowed or (short == node.tag and short not in PRUNER_TAGS):
            name = f"!!{short}" if short != node.tag else short
            raise ConfError(
                f"has the tag {name!r}, which is not allowed; plain values, {', '.join(PRUNER_TAGS)} and "
                "!!python/tuple are.",
                self.file,
                node.start_mark.line + 1,
                _dotted(where),
            )
        return None

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        short = node.tag.removeprefix(PREFIX)
        if node.tag in PRUNER_TAGS:
            return None
        if short in AS_TEXT or (short in NUMBERS and (":" in node.value or len(node.value) > LONGEST_NUMBER)):
            return node.value
        try:
            return self.loader.yaml_constructors[node.tag](self.loader, node)
        except (ValueError, KeyError, OverflowError):  # of PyYAML, on `0x_`, on `!!int x`, on thousands of digits
            return node.value

    def _items(self, node: yaml.MappingNode, where: tuple[str, ...]) -> Iterator[tuple[str, Entry]]:
        own: dict[str, int] = {}
        merged: dict[str, Entry] = {}
        found: dict[str, Entry] = {}
        for name_node, value_node in node.value:
            line = name_node.start_mark.line + 1
            if not isinstance(name_node, yaml.ScalarNode):
                raise ConfError("has a list or a section as a key; a key is a name.", self.file, line, _dotted(where))
            if name_node.tag == f"{PREFIX}merge":
                merged = {**self._merged(value_node, where, line), **merged}
                continue
            name = name_node.value
            if name in own:
                raise ConfError(
                    f"is there twice, in lines {own[name]} and {line}; keep one.",
                    self.file,
                    line,
                    _dotted((*where, name)),
                )
            self._tag(name_node, where)
            own[name] = line
            entry = self.entry(value_node, (*where, name))
            found[name] = Entry(entry.value, line, entry.tag)
        yield from {**merged, **found}.items()

    def _merged(self, node: yaml.Node, where: tuple[str, ...], line: int) -> dict[str, Entry]:
        """What `<<: *base` brings."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not all(isinstance(source, yaml.MappingNode) for source in sources):
            raise ConfError("`<<` must be a section or a list of sections.", self.file, line, _dotted(where))
        merged: dict[str, Entry] = {}
        for source in reversed(sources):
            merged.update(self.entry(source, where).value)
        return merged


def _dotted(where: tuple[str, ...]) -> str | None:
    return ".".join(where) or None
