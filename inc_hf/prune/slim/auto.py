"""`parse_auto_slim_config`: what to prune for `model_slim` (INC 2.X `neural_compressor.compression.pruner`)."""

import re
from typing import Any

from torch import nn

from inc_hf.config.arguments import check_model
from inc_hf.config.checks import check_float
from inc_hf.errors import UsageError
from inc_hf.prune.slim.find import Attention, find_attentions
from inc_hf.prune.slim.find_ffn import find_feed_forwards
from inc_hf.prune.target import find_heads


def parse_auto_slim_config(
    model: nn.Module,
    dataloader: Any = None,
    ffn2_sparsity: float = 0.0,
    mha_sparsity: float = 0.0,
    **kwargs: Any,
) -> list[dict[str, Any]]:
    """The `pruning_configs` of a `WeightPruningConfig` that prune what `model_slim` can remove.

    Feed-forward columns are pruned with the pattern `channelx1` in the second layer of each block, heads with `mha`.
    Where that does not fit, since query, key and value are one layer (GPT-2) or queries are grouped (Llama), a head or
    group is pruned by its columns of the output projection, `channelxK`, which serves `model_slim` as well.

    Args:
        model (`torch.nn.Module`): the model to prune.
        dataloader: not needed, since nothing is traced; INC needs it.
        ffn2_sparsity (`float`, *optional*, defaults to 0.0): share of the feed-forward columns; 0 leaves them out.
        mha_sparsity (`float`, *optional*, defaults to 0.0): share of the attention heads; 0 leaves them out.
        kwargs: further settings of each element, such as `end_step`.

    Returns:
        `list[dict]`: an element for each pattern.

    Raises:
        ValueError: a share is not in [0, 1), or the model has nothing of what is to be pruned.
    """
    check_model(model)
    for name, share in (("ffn2_sparsity", ffn2_sparsity), ("mha_sparsity", mha_sparsity)):
        if not 0 <= check_float(name, share) < 1:
            raise UsageError(f"`{name}` must be in [0, 1), got {share}.")
    groups: list[tuple[str, list[str], float]] = []
    if ffn2_sparsity > 0:
        names = [block.name for block in find_feed_forwards(model)]
        if not names:
            raise UsageError(f"`ffn2_sparsity`: {type(model).__name__} has no feed-forward block of two layers.")
        groups.append(("channelx1", names, ffn2_sparsity))
    if mha_sparsity > 0:
        groups += [(pattern, names, mha_sparsity) for pattern, names in _names_by_pattern(model).items()]
    return [
        {"op_names": [f"^{re.escape(n)}$" for n in names], "pattern": pattern, "target_sparsity": share, **kwargs}
        for pattern, names, share in groups
    ]


def _names_by_pattern(model: nn.Module) -> dict[str, list[str]]:
    attentions = find_attentions(model)
    if not attentions:
        raise UsageError(
            f"`mha_sparsity`: {type(model).__name__} has no query, key, value and output projection as in BERT, "
            "DistilBERT, ViT, GPT-2 or Llama whose heads can be removed."
        )
    layers = {name for attention in attentions for name in attention.layers}
    fitting = {target.name for target in find_heads(model, layers) if target.fits()}
    found: dict[str, list[str]] = {}
    for attention in attentions:
        pattern, names = _pattern_of(attention, attention.name in fitting)
        found.setdefault(pattern, []).extend(names)
    return found


def _pattern_of(attention: Attention, fits_mha: bool) -> tuple[str, list[str]]:
    if fits_mha:
        return "mha", list(attention.layers)
    return f"channelx{attention.groups * attention.head_size}", list(attention.layers)[-1:]
