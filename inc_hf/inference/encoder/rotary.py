"""Rotary positions, as several families have them."""

import torch
from torch import Tensor, nn

from inc_hf.inference.encoder.family import Unfit


def rotary_table(model: nn.Module, rope_type: str | None, *kind: str) -> Tensor:
    """Cosines and sines of every position, of shape `(positions, head_dim)`.

    Args:
        kind: what else the `rotary_emb` of a model is asked for.

    Raises:
        Unfit: they depend on the length of a text.
    """
    if rope_type != "default":
        raise Unfit(f"its rotary positions are of the type {rope_type}")
    positions = torch.arange(model.config.max_position_embeddings)
    cosine, sine = (x[0] for x in model.rotary_emb(torch.zeros(1), positions[None], *kind))
    half = cosine.shape[-1] // 2
    return torch.cat([cosine[:, :half], sine[:, :half]], -1)


def counted(model: nn.Module, input_ids: Tensor | None, inputs_embeds: Tensor | None) -> Tensor:
    """Positions 0, 1, 2, ... for every sequence, padded or not."""
    return torch.arange((input_ids if inputs_embeds is None else inputs_embeds).shape[1])[None]
