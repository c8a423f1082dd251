"""How many heads and inner columns a model has, as plain JSON, and cutting it down to that."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from inc_hf.errors import UsageError
from inc_hf.prune.slim.cut import cut_columns, cut_heads
from inc_hf.prune.slim.find import Attention, find_attentions
from inc_hf.prune.slim.find_ffn import FeedForward, find_feed_forwards

ENTRY = "inc_hf_slim"  # where config.json holds the sizes that it cannot say otherwise
Sizes = dict[str, dict[str, int]]  # {"heads": {attention: query heads}, "columns": {second layer: inner width}}


def sizes_of(model: nn.Module, attentions: Iterable[Attention], blocks: Iterable[FeedForward]) -> Sizes:
    """By names in the base model, which are the same under every head."""
    heads = {base_name(model, attention.name): attention.heads for attention in attentions}
    return {"heads": heads, "columns": {base_name(model, block.name): block.width for block in blocks}}


def base_name(model: nn.Module, name: str) -> str:
    return name.removeprefix(f"{model.base_model_prefix}.")


def resize(model: nn.Module, sizes: Sizes) -> None:
    """Cut a model whose weights are still to be loaded down to `sizes`, in place. Names of other models are ignored.

    Raises:
        ValueError: the model cannot be cut down to a size.
    """
    heads, columns = sizes.get("heads", {}), sizes.get("columns", {})
    for attention in find_attentions(model):
        if (name := base_name(model, attention.name)) in heads:
            _check(name, heads[name], attention.heads, attention.groups)
            units = heads[name] // attention.groups
            cut_heads(attention, torch.arange(units, device=attention.output.weight.device))
    for block in find_feed_forwards(model):
        if (name := base_name(model, block.name)) in columns:
            _check(name, columns[name], block.width, 1)
            cut_columns(block, torch.arange(columns[name], device=block.second.weight.device))


def to_own_sizes(model: nn.Module) -> None:
    """Cut a model whose weights are still to be loaded down to what its config says, in place.

    Raises:
        ValueError: that is no table of sizes, or the model cannot be cut down to a size.
    """
    sizes = getattr(model.config, ENTRY)
    if not isinstance(sizes, dict) or not all(isinstance(part, dict) for part in sizes.values()):
        raise UsageError(f"`{ENTRY}` in the config must be a table of tables of sizes, got {sizes!r}.")
    resize(model, sizes)


def _check(name: str, size: Any, most: int, step: int) -> None:
    if not isinstance(size, int) or not 1 <= size <= most or size % step:
        raise UsageError(
            f"`{ENTRY}` in the config gives `{name}` the size {size!r}; allowed are multiples of {step} up to {most}."
        )
