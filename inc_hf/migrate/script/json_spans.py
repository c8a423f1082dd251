"""Where the values of a JSON text stand in it, so that one can be replaced without touching a byte of the others."""

from collections.abc import Iterator
from json import JSONDecoder

_SPACE = " \t\r\n"
_DECODER = JSONDecoder()


def members(text: str, start: int) -> Iterator[tuple[str, int, int]]:
    """Key, start and end of the values of the object that begins at `start`."""
    at = _skip(text, start + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        begin = _skip(text, _skip(text, at) + 1)
        _, end = _DECODER.raw_decode(text, begin)
        yield key, begin, end
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at] == "," else at


def elements(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Start and end of the elements of the array that begins at `start`."""
    at = _skip(text, start + 1)
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        yield at, end
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at] == "," else at


def first(text: str) -> int:
    """Where the value of the text begins."""
    return _skip(text, 0)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at
