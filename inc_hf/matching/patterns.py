"""Which modules a name or type pattern means."""

import difflib
import re
from collections.abc import Iterable, Iterator

from torch import nn


def named_modules_with_duplicates(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every path to every module: a shared module comes once for each of its names."""
    return model.named_modules(remove_duplicate=False)


def match_names(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that the regular expression `pattern` matches as a whole (`re.fullmatch`, as in INC)."""
    compiled = re.compile(pattern)
    return [name for name in names if compiled.fullmatch(name)]


CONVOLUTIONS = ("Conv1d", "Conv2d", "Conv3d")


def match_types(pattern: str, types: Iterable[str]) -> list[str]:
    """The same of types of modules. INC's documentation writes `Conv` for convolutions, as `pruning_op_types` does."""
    types = list(types)
    return match_names(pattern, types) or [kind for kind in types if pattern == "Conv" and kind in CONVOLUTIONS]


def is_in_stack(name: str) -> bool:
    """Whether a module stands in a numbered stack of layers: a part of its name is a number."""
    return any(part.isdigit() for part in name.split("."))


def nearest(word: str, choices: Iterable[str]) -> str:
    """Ending for an error message: "; did you mean 'x'?", or nothing when no choice is near."""
    close = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
