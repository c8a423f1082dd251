"""What the config of a slim model says: its own numbers where they can say it, otherwise the entry `inc_hf_slim`."""

import copy
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import nn

from inc_hf.prune.slim.find import Attention, find_attentions
from inc_hf.prune.slim.find_ffn import FeedForward, find_feed_forwards
from inc_hf.prune.slim.sizes import ENTRY, Sizes, resize, sizes_of

# What configs call the inner width.
WIDTHS = ("intermediate_size", "n_inner", "hidden_dim", "ffn_dim", "d_ff", "encoder_ffn_dim", "decoder_ffn_dim")


def write_config(model: nn.Module, attentions: list[Attention], blocks: list[FeedForward]) -> Sizes:
    """Make the config of a model of transformers tell its sizes; returns those that only `inc_hf_slim` tells.

    Which ones those are is tried out: in BERT, `num_attention_heads` also says how large a head is; in Llama and ViT
    `head_dim` does.
    """
    sizes = sizes_of(model, attentions, blocks)
    left = _left(model, sizes, {})
    changes: dict[str, Any] = {}
    for values in (_head_values(model, attentions), _width_values(model, blocks)):
        trial = _left(model, sizes, {**changes, **values}) if left and values else None
        if trial is not None and _count(trial) < _count(left):
            changes, left = {**changes, **values}, trial
    for name, value in changes.items():
        setattr(model.config, name, value)
    if left:
        setattr(model.config, ENTRY, left)
    else:
        vars(model.config).pop(ENTRY, None)
    return left


def _count(sizes: Sizes) -> int:
    return sum(map(len, sizes.values()))


def _head_values(model: nn.Module, attentions: list[Attention]) -> dict[str, int]:
    if len({(a.heads, a.units, a.head_size) for a in attentions}) != 1:
        return {}
    values = {"num_attention_heads": attentions[0].heads, "head_dim": attentions[0].head_size}
    grouped = "num_key_value_heads" in model.config.to_dict()
    return {**values, "num_key_value_heads": attentions[0].units} if grouped else values


def _width_values(model: nn.Module, blocks: list[FeedForward]) -> dict[str, int]:
    widths = {block.width for block in blocks}
    return {name: min(widths) for name in WIDTHS if name in model.config.to_dict()} if len(widths) == 1 else {}


def _left(model: nn.Module, sizes: Sizes, changes: dict[str, Any]) -> Sizes | None:
    """Which of `sizes` are others in a model built from the changed config; None if there can be no such model."""
    config = copy.deepcopy(model.config)
    try:
        for name, value in changes.items():
            setattr(config, name, value)
        with torch.device("meta"):
            twin = type(model)(type(config).from_dict(config.to_dict()))
        built = sizes_of(twin, find_attentions(twin), find_feed_forwards(twin))
        left = {part: {n: s for n, s in sizes[part].items() if s != built[part].get(n)} for part in sizes}
        left = {part: values for part, values in left.items() if values}
        resize(twin, left)
    except (ValueError, AssertionError, StrictDataclassError):  # in this way models refuse a config
        return None
    return left if _shapes(twin) == _shapes(model) else None


def _shapes(model: nn.Module) -> dict[str, torch.Size]:
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor.shape for name, tensor in tensors}
