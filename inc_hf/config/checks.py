"""Checks that the config classes run on their fields. Each returns the value in its plain form."""

import difflib
import json
import math
import re
import reprlib
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from inc_hf.errors import UsageError, UsageTypeError


def did_you_mean(value: Any, choices: Iterable[Any]) -> str:
    """End of an error message: `"; did you mean 'static'?"`, or `"."` if no choice is close to `value`."""
    by_lower = {str(choice).lower(): str(choice) for choice in choices}
    close = difflib.get_close_matches(str(value).lower(), by_lower, n=1)
    return f"; did you mean {by_lower[close[0]]!r}?" if close else "."


def wrong_type(name: str, expected: str, value: Any) -> UsageTypeError:
    return UsageTypeError(f"`{name}` must be {expected}, got {reprlib.repr(value)} ({type(value).__name__}).")


def check_bool(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise wrong_type(name, "True or False", value)
    return value


def check_string(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise wrong_type(name, "a string", value)
    return value


def check_int(name: str, value: Any, low: int | None = None, high: int | None = None) -> int:
    """`value` as an int in [low, high]; a bool is refused, a NumPy integer is accepted."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise wrong_type(name, "an int", value)
    if low is not None and value < low or high is not None and value > high:
        allowed = f"at least {low}" if high is None else f"in [{low}, {high}]"
        raise UsageError(f"`{name}` must be {allowed}, got {value}.")
    return int(value)


def check_float(
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """`value` as a float between `low` and `high`, which are allowed themselves unless `open_low` / `open_high`."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise wrong_type(name, "a number", value)
    above = value > low if open_low else value >= low
    below = value < high if open_high else value <= high
    if not (math.isfinite(value) and above and below):
        opening, closing = "(" if open_low or low == -math.inf else "[", ")" if open_high or high == math.inf else "]"
        raise UsageError(f"`{name}` must be a finite number in {opening}{low}, {high}{closing}, got {value}.")
    return float(value)


def check_choice(name: str, value: Any, choices: Iterable[str]) -> str:
    choices = tuple(choices)
    allowed = f"one of {', '.join(choices)}"
    if not isinstance(value, str):
        raise wrong_type(name, allowed, value)
    if value not in choices:
        raise UsageError(f"`{name}` must be {allowed}, got {value!r}{did_you_mean(value, choices)}")
    return value


def check_list(name: str, value: Any, expected: str = "a list") -> list:
    """A new list with the items of a list or tuple."""
    if not isinstance(value, (list, tuple)):
        raise wrong_type(name, expected, value)
    return list(value)


def check_strings(name: str, value: Any) -> list[str]:
    """A list of strings; a single string becomes a list of one."""
    if isinstance(value, str):
        return [value]
    items = check_list(name, value, "a string or a list of strings")
    return [check_string(f"{name}[{i}]", item) for i, item in enumerate(items)]


def check_choices(name: str, value: Any, choices: Iterable[str]) -> list[str]:
    """A list of strings that are all in `choices`; a single string becomes a list of one."""
    choices = tuple(choices)
    if isinstance(value, str):
        return [check_choice(name, value, choices)]
    items = check_list(name, value, "a string or a list of strings")
    return [check_choice(f"{name}[{i}]", item, choices) for i, item in enumerate(items)]


def check_keys(name: str, value: dict, known: Iterable[str]) -> None:
    known = tuple(known)
    for key in value:
        if key not in known:
            raise UsageError(f"`{name}` has no key {key!r}, only {', '.join(known)}{did_you_mean(key, known)}")


def check_regex(name: str, value: Any) -> str:
    try:
        re.compile(check_string(name, value))
    except re.error as error:
        raise UsageError(f"`{name}` is not a valid regular expression, got {value!r}: {error}.") from error
    return value


def check_regexes(name: str, value: Any) -> list[str]:
    """A list of regular expressions; a single one becomes a list of one."""
    return [check_regex(name, pattern) for pattern in check_strings(name, value)]


def parse_json(name: str, value: Any, kind: type[dict] | type[list]) -> Any:
    """`value` as a `kind` (`dict` or `list`): a JSON string is parsed, None gives an empty one."""
    if value is None:
        return kind()
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise UsageError(
                f"`{name}` is not valid JSON ({error}), got {value!r}; pass a {kind.__name__} or its JSON text."
            ) from error
    if kind is list and isinstance(value, tuple):
        return list(value)
    if not isinstance(value, kind):
        raise wrong_type(name, f"a {kind.__name__} or its JSON text", value)
    return value
