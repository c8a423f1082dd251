"""`model_slim`: what pruning made zero is cut out (INC 2.X `neural_compressor.compression.pruner.model_slim`)."""

import logging
from typing import Any

import torch
from torch import nn

from inc_hf.config.arguments import check_model
from inc_hf.config.checks import check_int
from inc_hf.coverage import Reason, coverage_of, weights_of
from inc_hf.errors import UsageError
from inc_hf.prune.slim.config import write_config
from inc_hf.prune.slim.cut import cut_columns, cut_heads
from inc_hf.prune.slim.find import Attention, find_attentions
from inc_hf.prune.slim.find_ffn import FeedForward, find_feed_forwards
from inc_hf.prune.slim.keep import columns_to_keep, units_to_keep, zeros_of
from inc_hf.telling import NOTICE
from inc_hf.undo import restored_on_error

logger = logging.getLogger(__name__)

READ = Reason("whose heads or columns are all read")
NEITHER = Reason("that are no attention or feed-forward layer with heads or columns to cut")


@torch.no_grad()
def model_slim(
    model: nn.Module, dataloader: Any = None, round_multiplier: int = 32, uniform: bool = False
) -> nn.Module:
    """Remove pruned attention heads and feed-forward columns, in place; the model computes what it did before.

    A head goes if the output projection has only zeros for it, a feed-forward column if the second layer has. Of
    grouped queries, a key/value head goes with all of its query heads or not at all. At least one head of a layer
    stays. Parameters are new objects afterwards, so make the optimizer after slimming; quantize after it, too.

    The config gets the new sizes. Where it cannot say them, since layers differ or, as in BERT and GPT-2, a head
    would have another size with fewer heads, they stand in its entry `inc_hf_slim`: `IncModelFor….from_pretrained`
    reads that, and a plain `from_pretrained` refuses the checkpoint, since shapes do not match. A warning says so.

    Args:
        model (`torch.nn.Module`): a pruned float model, of transformers or with layers of the same names.
        dataloader: not needed, since nothing is traced; INC needs it.
        round_multiplier (`int`, *optional*, defaults to 32): the width of a feed-forward layer is rounded up to a
            multiple of this; of the zero columns, those with the largest weights in the first layer are kept.
        uniform (`bool`, *optional*, defaults to `False`): whether all layers keep as many heads, and as many columns,
            as the layer that needs most, so that a plain `from_pretrained` can load the checkpoint where the
            architecture has a setting for it: for feed-forward layers nearly all, for heads Llama (if the hidden size
            is a multiple of their number) and ViT.

    Raises:
        ValueError: the model has no layers of the shapes in question, or `round_multiplier` is not positive. The model
            is then as it was, as after any other error.
    """
    check_model(model)
    if check_int("round_multiplier", round_multiplier) < 1:
        raise UsageError(f"`round_multiplier` must be 1 or more, got {round_multiplier}.")
    attentions, blocks = find_attentions(model), find_feed_forwards(model)
    if not attentions and not blocks:
        raise UsageError(
            f"{type(model).__name__} has nothing to slim: no query, key, value and output projection as in BERT, "
            "DistilBERT, ViT, GPT-2 or Llama, and no feed-forward block of two Linear or Conv1D layers. "
            "A quantized model cannot be slimmed; slim it first."
        )
    with restored_on_error(model):
        _slim(model, attentions, blocks, round_multiplier, uniform)
    return model


def _slim(
    model: nn.Module, attentions: list[Attention], blocks: list[FeedForward], round_multiplier: int, uniform: bool
) -> None:
    before, weights, (heads, columns) = _sizes(model), weights_of(model), zeros_of(attentions, blocks)
    _cut(attentions, blocks, round_multiplier, uniform)
    after = _sizes(model)
    if before == after:
        logger.warning("Nothing was removed: %s.", why_nothing(heads, columns, round_multiplier, uniform))
    else:
        logger.log(
            NOTICE, "Slimmed %d attention and %d feed-forward blocks: %.1f %% of the parameters are left, %s of %s.",
            len(attentions), len(blocks), 100 * sum(after.values()) / sum(before.values()),
            f"{sum(after.values()):,}", f"{sum(before.values()):,}",
        )  # fmt: skip
    cut = {name.rpartition(".")[0] for name in before if before[name] != after[name]}
    layers = [layer for a in attentions for layer in a.layers.values()]
    layers += [layer for block in blocks for layer in (*block.first, block.second)]
    cuttable = set(map(id, layers))
    reasons = {name: READ if id(module) in cuttable else NEITHER for name, module in model.named_modules()}
    model.coverage = coverage_of("Cut layers that hold", weights, cut, reasons)
    logger.info("%s", model.coverage)
    if getattr(model, "base_model_prefix", None) is not None:  # a model of transformers, with a config
        _write_config(model, attentions, blocks)


def _sizes(model: nn.Module) -> dict[str, int]:
    return {name: parameter.numel() for name, parameter in model.named_parameters()}


def why_nothing(heads: int, columns: int, round_multiplier: int, uniform: bool) -> str:
    """Why nothing was cut, and what would be.

    Args:
        heads, columns (`int`): how many could be cut.
    """
    if not heads and not columns:
        return (
            "no head and no feed-forward column is zero as a whole; prune with the `pruning_configs` of "
            "`parse_auto_slim_config(model, ffn2_sparsity=…, mha_sparsity=…)` before"
        )
    kept = f"{heads} heads and {columns} feed-forward columns are zero, and stay, since"
    if uniform:
        return f"{kept} all layers are to keep as many as the one that needs most; pass `uniform=False`"
    rounding = f"widths are multiples of {round_multiplier}, and a layer keeps a head"
    return f"{kept} {rounding}; pass a smaller `round_multiplier`"


def _cut(attentions: list[Attention], blocks: list[FeedForward], round_multiplier: int, uniform: bool) -> None:
    for attention, units in zip(attentions, units_to_keep(attentions, uniform), strict=True):
        if len(units) < attention.units:
            cut_heads(attention, units)
    for block, columns in zip(blocks, columns_to_keep(blocks, round_multiplier, uniform), strict=True):
        if len(columns) < block.width:
            cut_columns(block, columns)


def _write_config(model: nn.Module, attentions: list[Attention], blocks: list[FeedForward]) -> None:
    left = write_config(model, attentions, blocks)
    if left:
        logger.warning(
            "The config of %s cannot say how many %s its layers have now, so that a plain `from_pretrained` will "
            "refuse the checkpoint. Load it with `IncModelFor….from_pretrained` of inc_hf.",
            type(model).__name__,
            " and feed-forward ".join(left),
        )
