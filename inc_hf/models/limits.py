"""How many tokens a model takes."""

import copy
from typing import Any

import torch
from torch import nn
from transformers import AutoModel, PreTrainedConfig

# The first is that of the encoder where there are two.
LENGTHS = ("max_encoder_position_embeddings", "max_position_embeddings", "max_seq_len", "max_sequence_length")
MOST_SPARE = 8  # rows that OPT, BART and others have besides
POSITIONS = ("position_embeddings", "position_embedding", "positions_embed", "embed_positions", "wpe")
WITHOUT_LIMIT = ("relative_attention", "relative_attention_num_buckets", "alibi")


def text_limit(model: nn.Module, tokenizer: Any = None) -> int | None:
    """The longest text, in tokens, that the model and its tokenizer take; None if any will do.

    The positions up to a padding index (RoBERTa and its kin) are not there for tokens. Models with relative positions
    only (T5, DeBERTa) have no limit of their own.
    """
    limits = [_limit_of(model), getattr(tokenizer, "model_max_length", None)]
    known = [limit for limit in limits if limit is not None and 0 < limit < 1 << 40]  # tokenizers say "any" by 1e30
    return min(known) if known else None


def _limit_of(model: nn.Module) -> int | None:
    config = getattr(model, "config", None)
    if config is None:
        return None
    text = _text_config(config)
    limit = next((size for name in LENGTHS if isinstance(size := getattr(text, name, None), int) and size > 0), None)
    if limit is None:
        return None
    usable = _usable_positions(_with_modules(model), limit)
    if not usable and any(getattr(text, name, None) for name in WITHOUT_LIMIT):
        return None
    return min(limit, *usable) if usable else limit


def _with_modules(model: nn.Module) -> nn.Module:
    """The model, or, where another runtime computes it, one of torch without weights."""
    if next(model.parameters(), None) is not None:
        return model
    config = copy.copy(model.config)
    vars(config).pop("quantization_config", None)
    try:
        with torch.device("meta"):
            return AutoModel.from_config(config)
    except ValueError:  # no model of transformers
        return model


def _text_config(config: PreTrainedConfig) -> PreTrainedConfig:
    try:
        return config.get_text_config()
    except ValueError:  # it has several texts
        return config


def _usable_positions(model: nn.Module, size: int) -> list[int]:
    """For each embedding of `size` positions, or of a few more, how many of them are for tokens."""
    found = []
    for parent in model.modules():
        for name, table in parent.named_children():
            rows = len(table.weight) if name in POSITIONS and hasattr(table, "weight") else 0
            if size <= rows <= size + MOST_SPARE:
                found.append(rows - _rows_of_padding(parent, table))
    return found


def _rows_of_padding(parent: nn.Module, table: nn.Module) -> int:
    """Positions count from the padding index on where the module that looks them up has it, too."""
    padding = getattr(parent, "padding_idx", None)
    is_sinusoidal = isinstance(table, nn.Embedding) and type(table) is not nn.Embedding  # whose positions begin at 0
    is_behind = isinstance(padding, int) and getattr(table, "padding_idx", None) == padding and not is_sinusoidal
    return padding + 1 if is_behind else 0
