"""What of a config is possible without training."""

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from torch import Tensor

from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.prune.pattern import BlockPattern, HeadPattern, NMPattern, Pattern, parse_pattern

# The types, and which patterns they take.
TYPES = {
    "sparse_gpt": "NxM or N:M",
    "wanda": "NxM or N:M",
    "wanda_variant": "NxM or N:M",
    "dsnot": "1x1 or N:M",
    "retrain_free": "channelxK, Kxchannel or mha",
    "magnitude": "any",
}


def check_type(config: SimpleNamespace) -> None:
    """Raise ValueError if the type is for training, or does not take the pattern."""
    name = config.pruning_type
    if name not in TYPES:
        choices = ", ".join(repr(t) for t in TYPES if t != "wanda_variant")
        raise UsageError(
            f"The pruning type {name!r} needs training, for which there is `PruningCallback`; without training choose "
            f"one of {choices}."
        )
    if not takes(name, parse_pattern(config.pattern)):
        raise UsageError(
            f"The pruning type {name!r} takes the patterns {TYPES[name]}, got {config.pattern!r}; choose another "
            "pattern or type."
        )


def takes(name: str, pattern: Pattern) -> bool:
    is_block = isinstance(pattern, BlockPattern)
    has_channels = is_block and None in (pattern.rows, pattern.cols)
    if name == "retrain_free":
        return isinstance(pattern, HeadPattern) or has_channels
    if name == "dsnot":
        return isinstance(pattern, NMPattern) or pattern == BlockPattern(1, 1)
    return name == "magnitude" or isinstance(pattern, NMPattern) or (is_block and not has_channels)


def kept_batches(batches: Iterable[Any] | None, pruning_type: str) -> list[Any]:
    if batches is None:
        raise UsageError(f"The pruning type {pruning_type!r} needs data: pass `batches`, inputs of the model.")
    kept = list(batches)
    for batch in kept:
        if not isinstance(batch, Mapping | tuple | list | Tensor):
            raise UsageTypeError(f"`batches` must have dicts, tuples or tensors in it, got {type(batch).__name__}.")
    if not kept:
        raise UsageError(f"`batches` is empty, and the pruning type {pruning_type!r} needs data.")
    return kept
