"""What the values of options may be. The parser asks these, so that a wrong value is refused before anything is
imported or loaded, with the name of its option."""

import contextlib
import math
import re
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable
from pathlib import Path

from inc_hf.config import WeightPruningConfig
from inc_hf.config.checks import did_you_mean
from inc_hf.config.op_dicts import ACTIVATION_CHOICES
from inc_hf.config.quantization import APPROACHES, check_approach
from inc_hf.config.registered import registered_names
from inc_hf.errors import UsageError
from inc_hf.evaluation.metrics import check_glue_task
from inc_hf.models.tasks import check_task


def integer(low: int, high: int = sys.maxsize) -> Callable[[str], int]:
    """A whole number from `low` to `high`."""

    def parse(text: str) -> int:
        allowed = f"of at least {low}" if high == sys.maxsize else f"from {low} to {high}"
        with contextlib.suppress(ValueError):
            if low <= (value := int(text)) <= high:
                return value
            allowed = f"from {low} to {high}" if value > high else allowed
        raise ArgumentTypeError(f"it takes a whole number {allowed}, got {text!r}")

    return parse


def number(low: float, is_open: bool = False) -> Callable[[str], float]:
    """A finite number of at least `low`, or above it."""

    def parse(text: str) -> float:
        with contextlib.suppress(ValueError):
            value = float(text)
            if math.isfinite(value) and (value > low if is_open else value >= low):
                return value
        raise ArgumentTypeError(f"it takes a number {'above' if is_open else 'of at least'} {low:g}, got {text!r}")

    return parse


def share(text: str) -> float:
    """A share of a score, which is less than all of it."""
    value = number(0)(text)
    if value < 1:
        return value
    raise ArgumentTypeError(f"it takes a share of the score, below 1, got {text!r}; {value:g} % is {value / 100:g}")


def one_of(names: Iterable[str]) -> Callable[[str], str]:
    """One of several names."""
    names = tuple(names)

    def parse(text: str) -> str:
        if text in names:
            return text
        raise ArgumentTypeError(f"it takes one of {', '.join(names)}, got {text!r}{did_you_mean(text, names)[:-1]}")

    return parse


def path(text: str) -> str:
    """The name of a file or directory, or what may be one of the Hub."""
    if not text.strip():
        raise ArgumentTypeError(f"it takes a name, got {text!r}")
    return text


def file(text: str) -> str:
    """A file that is there."""
    if not Path(path(text)).is_file():
        raise ArgumentTypeError(f"{'Is a directory' if Path(text).is_dir() else 'No such file'}: {text!r}")
    return text


def names(text: str) -> list[str]:
    """Names between commas."""
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise ArgumentTypeError(f"it takes names with commas between them, got {text!r}")
    return found


def pattern(text: str) -> str:
    """A regular expression that matches whole names."""
    try:
        re.compile(path(text))
    except re.error as error:
        raise ArgumentTypeError(f"it takes a valid regular expression, got {text!r}: {error}") from None
    return text


def approach(text: str) -> str:
    """How to quantize, INC's longer names included."""
    with contextlib.suppress(UsageError):
        return check_approach(text)
    return one_of(APPROACHES)(text)


def observer(text: str) -> str:
    """What finds ranges; those of users are looked for if it is none of ours."""
    names = [name for name in ACTIVATION_CHOICES["algorithm"] if name != "placeholder"]
    return text if text in names else one_of(dict.fromkeys([*names, *registered_names("observer")]))(text)


def alpha(text: str) -> float | str:
    """How much SmoothQuant moves from activations to weights: a number, or `auto`."""
    with contextlib.suppress(ValueError):
        if text == "auto" or 0 <= float(text) <= 1:
            return text if text == "auto" else float(text)
    raise ArgumentTypeError(f"it takes a number in [0, 1], or auto, got {text!r}{_place_of_model(text)}")


def _place_of_model(text: str) -> str:
    """What to do, if it seems to be the name of a model that an option has taken."""
    with contextlib.suppress(ValueError):
        float(text)
        return ""
    return "; put MODEL before the options"


def task(text: str) -> str:
    """What a model is for; names that `transformers.pipeline` knows, too, become its first one."""
    return _checked(text, check_task)


def metric(text: str) -> str:
    """A metric, or a task of GLUE whose metric is meant."""
    return _checked(text, check_glue_task)


def _checked(text: str, check: Callable[[str], str | None]) -> str:
    """The text, or by what name of its own the check knows it."""
    try:
        return check(text) or text
    except UsageError as error:
        raise ArgumentTypeError(str(error).removesuffix(".")) from None


def sparsity(text: str) -> float:
    """A share of the weights that become zero."""
    value = number(0, is_open=True)(text)
    if value < 1:
        return value
    hint = f"; {value:g} % is {value / 100:g}" if value > 1 else ""
    raise ArgumentTypeError(f"it takes a share of the weights above 0 and below 1, got {text!r}{hint}")


def blocks(text: str) -> str:
    """What becomes zero together."""
    return _checked(text, lambda pattern: WeightPruningConfig(pattern=pattern, target_sparsity=0).pattern)
