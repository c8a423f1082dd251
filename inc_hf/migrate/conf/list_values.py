"""Readers of values that are lists, or stand for one. Each refuses with a ValueError that begins with "must be"."""

from collections.abc import Callable, Iterable
from typing import Any

from inc_hf.migrate.conf.values import choice, flag, integer, number, refused, text


def list_of(parse_item: Callable[[Any], Any], expected: str) -> Callable[[Any], list]:
    """A list, one item, or items between commas (or blanks, as `123.68 116.78`)."""

    def parse(value: Any) -> list:
        if isinstance(value, str):
            value = [item.strip() for item in (value.split(",") if "," in value else value.split())]
        items = list(value) if isinstance(value, list | tuple) else [value]
        if not items or isinstance(value, dict):
            raise refused(expected, value)
        try:
            return [parse_item(item) for item in items]
        except ValueError as error:
            raise ValueError(f"must be {expected}; of its items, each {error}") from None

    return parse


def one_or_several(parse: Callable[[Any], list]) -> Callable[[Any], Any]:
    """What `parse` reads as a list; its item, if there is only one, which is then for all."""

    def parse_one(value: Any) -> Any:
        found = parse(value)
        return found[0] if len(found) == 1 else found

    return parse_one


def choices(names: Iterable[str]) -> Callable[[Any], list[str]]:
    """Some of several names: a list, or a text such as "int8, fp32"."""
    return list_of(choice(names), "a list of names, or names between commas")


texts = list_of(text, "a list of texts, or texts between commas")
integers = list_of(integer(), "a list of whole numbers, or numbers between commas")
positive_integers = list_of(integer(low=1), "a list of whole numbers, or numbers between commas")
numbers = list_of(number(), "a list of numbers, or numbers between commas")
flags = list_of(flag, "a list of True and False")


def layer_names(value: Any) -> list[str]:
    """A list of names of layers; a single one is a list of one: regular expressions may hold commas."""
    return [value] if isinstance(value, str) and value else optional_list(text)(value)


def optional_list(parse_item: Callable[[Any], Any]) -> Callable[[Any], list]:
    """A list, which may be empty."""

    def parse(value: Any) -> list:
        if not isinstance(value, list | tuple):
            raise refused("a list", value)
        return [parse_item(item) for item in value]

    return parse


def shapes(value: Any) -> list[tuple[int, ...]]:
    """One shape, `[128, 3, 224, 224]` or "128, 3", or a list of shapes; always returned as a list of shapes."""
    if isinstance(value, list | tuple) and value and all(isinstance(item, list | tuple) for item in value):
        return [tuple(positive_integers(item)) for item in value]
    return [tuple(positive_integers(value))]


def optional_texts(value: Any) -> list[str]:
    """A list of texts, or texts between commas, or nothing."""
    return [] if value in ([], ()) else texts(value)
