"""Readers of single values. Each refuses with a ValueError that begins with "must be"."""

import math
import re
import reprlib
from collections.abc import Callable, Iterable
from typing import Any

from inc_hf.config.checks import did_you_mean


def refused(expected: str, value: Any, hint: str = "") -> ValueError:
    """The error of a value that is not what is expected."""
    return ValueError(f"must be {expected}, got {reprlib.repr(value)}{hint or '.'}")


def flag(value: Any) -> bool:
    """True or False, as a text, too."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise refused("True or False", value)


def text(value: Any) -> str:
    """A string; a number stands for its digits, as in `name: 50`."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise refused("a text", value)


def integer(low: int | None = None) -> Callable[[Any], int]:
    """A whole number of at least `low`; "10" and 10.0 are 10."""
    expected = "a whole number" if low is None else f"a whole number of at least {low}"

    def parse(value: Any) -> int:
        number = _number_of(value)
        if number is None or not math.isfinite(number) or number != int(number) or abs(number) > 2**53:
            raise refused(expected, value)
        if low is not None and number < low:
            raise refused(expected, value)
        return int(number)

    return parse


def number(
    low: float = -math.inf, high: float = math.inf, open_low: bool = False, open_high: bool = False
) -> Callable[[Any], float]:
    """A finite number between `low` and `high`; `1e-3`, which YAML takes for a text, is one, too."""
    opening, closing = "(" if open_low or low == -math.inf else "[", ")" if open_high or high == math.inf else "]"
    expected = "a number" if (low, high) == (-math.inf, math.inf) else f"a number in {opening}{low}, {high}{closing}"

    def parse(value: Any) -> float:
        number = _number_of(value)
        if number is None or not math.isfinite(number):
            raise refused(expected, value)
        if not (number > low if open_low else number >= low) or not (number < high if open_high else number <= high):
            raise refused(expected, value)
        return number

    return parse


def _number_of(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def percent(value: Any) -> float:
    """A number of at least 0, or a percentage such as "1%"."""
    match = re.fullmatch(r"\s*(\d+(\.\d*)?|\.\d+)\s*%\s*", value) if isinstance(value, str) else None
    try:
        return float(match[1]) / 100 if match else number(low=0)(value)
    except ValueError:
        raise refused('a number of at least 0, or a percentage such as "1%"', value) from None


def choice(names: Iterable[str]) -> Callable[[Any], str]:
    """One of several names."""
    names = tuple(names)

    def parse(value: Any) -> str:
        if isinstance(value, str) and value in names:
            return value
        hint = did_you_mean(value, names) if isinstance(value, str) else ""
        raise refused(names[0] if len(names) == 1 else f"one of {', '.join(names)}", value, hint)

    return parse


def mapping(value: Any) -> dict:
    """A section whose keys nobody checks."""
    if not isinstance(value, dict):
        raise refused("a section of keys", value)
    return value


def anything(value: Any) -> Any:
    """A value that nobody checks."""
    return value


def reduction(value: Any) -> str:
    """How the losses of a batch become one; INC's template writes None, which is no text for its own schema."""
    return choice(("none", "sum", "mean", "auto", "sum_over_batch_size"))(
        value.lower() if isinstance(value, str) else value
    )


def version(value: Any) -> float:
    """1.X; the 2.X releases of INC could still run 1.X files, which then said 2.0."""
    try:
        found = number()(value)
    except ValueError:
        raise refused("1.0 (or 2.0)", value) from None
    if int(found) not in (1, 2):
        raise refused("1.0 (or 2.0), the major version of INC that the file was written for", value)
    return found
