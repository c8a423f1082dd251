"""YAML text as plain data that knows its lines. Nothing in a file is ever run, or made larger than it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from inc_hf.migrate.conf.errors import ConfError

LARGEST_FILE = 256 << 10
DEEPEST = 64
MOST_VALUES = 100_000
PRUNER_TAGS = ("!Pruner", "!PrunerV2")
PREFIX = "tag:yaml.org,2002:"
NUMBERS = ("int", "float")
LONGEST_NUMBER = 100  # characters; with a colon, YAML 1.1 means base 60, which takes long and which nobody means
AS_TEXT = ("str", "timestamp", "binary", "value")


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


def load_file(path: Path) -> Entry:
    """The content of a YAML file, which is only read.

    Raises:
        ConfError: it is no YAML, or more than a conf can be.
        OSError: it cannot be opened.
    """
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ConfError(f"is larger than {LARGEST_FILE >> 10} KiB, so it is no conf of INC.", path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfError(f"is not UTF-8 (byte 0x{content[error.start]:02x}); save it as UTF-8.", path, line) from None
    return load_text(text, path)


def load_text(text: str, file: Path | None = None) -> Entry:
    """The content of YAML text."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, file) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        character = f"U+{error.character:04X}" if isinstance(error.character, int) else repr(error.character)
        raise ConfError(f"is not valid YAML: the character {character} is not allowed.", file, line) from None
    except (ValueError, OverflowError) as error:  # of PyYAML, on escapes and directives with impossible numbers
        raise ConfError(f"is not valid YAML: {error}.", file) from None
    if node is None:
        raise ConfError("is empty; a conf has at least `model` with `name` and `framework`.", file)
    return _Reader(loader, file).entry(node, ())


def load_dict(content: dict) -> Entry:
    """The same of a dict, such as one of a script; None is what was left out."""
    return _entry_of(content, 0)


def _entry_of(value: Any, depth: int) -> Entry:
    if depth > DEEPEST:
        raise ConfError(f"is nested more than {DEEPEST} deep.")
    if isinstance(value, dict):
        items = ((str(name), item) for name, item in value.items() if item is not None)
        return Entry({name: _entry_of(item, depth + 1) for name, item in items})
    if isinstance(value, list | tuple):
        return Entry([_entry_of(item, depth + 1) for item in value])
    return Entry(value)


def _not_yaml(error: yaml.MarkedYAMLError, file: Path | None) -> ConfError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else None
    if "single document" in str(error.context):
        return ConfError("is more than one YAML document; a conf is one.", file, line)
    context = f"{error.context}, " if error.context else ""
    began = error.context_mark
    context += f"which began in line {began.line + 1}, " if began is not None and began.line + 1 != line else ""
    return ConfError(f"is not valid YAML: {context}{error.problem}.", file, line)


class _Loader(yaml.SafeLoader):
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


class _Reader:
    """Turns the nodes of one file into entries."""

    def __init__(self, loader: _Loader, file: Path | None):
        self.loader, self.file = loader, file
        self.values = 0
        self.around: list[yaml.Node] = []

    def entry(self, node: yaml.Node, where: tuple[str, ...]) -> Entry:
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
