"""From the entries of a file to the sections of a conf."""

import dataclasses
import difflib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from inc_hf.config.checks import did_you_mean
from inc_hf.migrate.conf.entries import Entry
from inc_hf.migrate.conf.errors import ConfError
from inc_hf.migrate.conf.fields import REQUIRED, Named, Needed, Parse, Spec
from inc_hf.migrate.conf.rules import check_framework
from inc_hf.migrate.conf.sections import Conf, ModelSection, Where


def _nearly(known: list[str]) -> Callable[[str], bool]:
    """Whether a name is a typo of a known one."""
    return lambda name: name.islower() and bool(difflib.get_close_matches(name, known, n=1, cutoff=0.8))


class Builder:
    """Builds the sections of one conf, and takes note of the lines of all keys."""

    def __init__(self, path: Path | None):
        self.path = path
        self.lines: dict[Where, int | None] = {}

    def conf(self, entry: Entry) -> Conf:
        """All of them.

        Raises:
            ConfError: a key or a value that INC 1.X does not know, or a file for models of another framework.
        """
        known = [field.name for field in dataclasses.fields(Conf) if field.metadata]
        items = self._items(entry, ())
        if items and not set(items) & set(known) and not any(map(_nearly(known), items)):
            names = ", ".join(list(items)[:4])
            raise self._error(f"is no conf of INC 1.X, which has `model` with `framework`; it has {names}.", entry, ())
        if "model" in items:  # of another framework is what a file says first, whatever else is in it
            self.lines[("model",)] = items["model"].line
            check_framework(
                Conf(self.build(ModelSection, items["model"], ("model",)), path=self.path, lines=self.lines)
            )
        conf = self.build(Conf, entry, ())
        conf.path, conf.lines = self.path, self.lines
        return conf

    def build(self, kind: type, entry: Entry, where: Where) -> Any:
        """An object of the section `kind`; an empty section has its defaults, as in INC."""
        fields = {field.name: field for field in dataclasses.fields(kind) if field.metadata}
        items = self._items(entry, where)
        for name, item in items.items():
            if name not in fields:
                raise self._unknown(name, item, where, fields)
        values = {name: self._value(fields[name].metadata, item, (*where, name)) for name, item in items.items()}
        for name, field in fields.items():
            if field.metadata.get(REQUIRED) and name not in items:
                raise self._missing(name, entry, where)
        return kind(**values)

    def _value(self, metadata: Any, entry: Entry, where: Where) -> Any:
        self.lines[where] = entry.line
        self._refuse_tag(entry, where)
        if "parse" in metadata:
            return self._parse(metadata["parse"], entry, where)
        if "section" in metadata:
            return self.build(metadata["section"], entry, where)
        if "by_name" in metadata:
            return self._by_name(metadata["by_name"], entry, where)
        if "pruners" in metadata:
            return self._pruners(*metadata["pruners"], entry, where)
        if "one_of" in metadata:
            return self._one_of(*metadata["one_of"], entry, where, metadata[REQUIRED])
        return self._named(*metadata["several_of"], entry, where)

    def _parse(self, parse: Any, entry: Entry, where: Where) -> Any:
        if entry.value is None:
            raise self._error("has no value; give one, or delete the line.", entry, where)
        try:
            return parse(entry.plain())
        except ValueError as error:
            raise self._error(str(error), entry, where) from None

    def _by_name(self, kind: type, entry: Entry, where: Where) -> dict[str, Any]:
        found = {}
        for name, item in self._items(entry, where).items():
            self.lines[(*where, name)] = item.line
            found[name] = self.build(kind, item, (*where, name))
        return found

    def _pruners(self, tag: str, kind: type, entry: Entry, where: Where) -> list[Any]:
        if not isinstance(entry.value, list):
            raise self._error(f"must be a list, each item of it `- {tag}` and its settings.", entry, where)
        found = []
        for i, item in enumerate(entry.value):
            place = (*where, str(i))
            self.lines[place] = item.line
            if not isinstance(item.value, dict | type(None)) or item.tag not in (tag, None):
                raise self._error(f"must be `{tag}` and its settings.", item, place)
            found.append(self.build(kind, Entry(item.value, item.line), place))
        return found

    def _one_of(self, spec: Spec, what: str, entry: Entry, where: Where, required: bool) -> Named | None:
        named = self._named(spec, what, entry, where)
        if required and not named:
            raise self._error(f"names no {what}; it has to be one of {', '.join(spec)}.", entry, where)
        if len(named) > 1:
            names = ", ".join(each.name for each in named)
            raise self._error(f"must have one {what}, got {names}.", entry, where)
        return named[0] if named else None

    def _named(self, spec: Spec, what: str, entry: Entry, where: Where) -> list[Named]:
        found = []
        for name, item in self._items(entry, where).items():
            place = (*where, name)
            self.lines[place] = item.line
            if name not in spec:
                raise self._error(
                    f"is no {what} of INC, only {', '.join(spec)}{did_you_mean(name, spec)}", item, place
                )
            found.append(Named(name, self._settings(spec[name], item, place)))
        return found

    def _settings(self, known: Mapping[str, Parse], entry: Entry, where: Where) -> dict[str, Any]:
        if "" in known:  # one setting that has no name
            return {"": self._parse(known[""], entry, where)}
        items = self._items(entry, where)
        for key, item in items.items():
            if key not in known:
                raise self._unknown(key, item, where, known)
            self.lines[(*where, key)] = item.line
            self._refuse_tag(item, (*where, key))
        for key, parse in known.items():
            if isinstance(parse, Needed) and key not in items:
                raise self._missing(key, entry, where)
        return {key: self._parse(known[key], item, (*where, key)) for key, item in items.items()}

    def _items(self, entry: Entry, where: Where) -> dict[str, Entry]:
        """The keys of a section; one without a value is empty."""
        if entry.value is None:
            return {}
        if not isinstance(entry.value, dict):
            came = "a list" if isinstance(entry.value, list) else repr(entry.value)[:60]
            raise self._error(f"must be a section, keys with values (`key: value`), got {came}.", entry, where)
        return entry.value

    def _refuse_tag(self, entry: Entry, where: Where) -> None:
        if entry.tag is not None:
            raise self._error(f"has the tag {entry.tag}, which is for the items of `pruners` only.", entry, where)

    def _unknown(self, name: str, entry: Entry, where: Where, known: Iterable[str]) -> ConfError:
        known = tuple(known)
        place = f"`{'.'.join(where)}`" if where else "a conf"
        allowed = f"{place} has only {', '.join(known)}" if known else f"{place} takes no settings"
        return self._error(
            f"is no key that INC 1.X knows; {allowed}{did_you_mean(name, known)}", entry, (*where, name)
        )

    def _missing(self, name: str, entry: Entry, where: Where) -> ConfError:
        return self._error("is missing; it has to be given.", entry, (*where, name))

    def _error(self, what: str, entry: Entry, where: Where) -> ConfError:
        return ConfError(what, self.path, entry.line, ".".join(where) or None)
