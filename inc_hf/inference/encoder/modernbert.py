"""ModernBERT: rotary positions, windows in two of three layers, gated feed-forwards, norms before the products."""

from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.inference.encoder.family import Family, LayerModules, Tokens, Unfit


def layers_of(model: nn.Module) -> list[LayerModules]:
    tables = {kind: rotary_of(model, kind) for kind in set(model.config.layer_types)}
    return [
        LayerModules(
            layer.attn.Wqkv,
            None,
            None,
            layer.attn.Wo,
            layer.mlp.Wi,
            layer.mlp.Wo,
            layer.mlp.act,
            None if isinstance(layer.attn_norm, nn.Identity) else layer.attn_norm,
            layer.mlp_norm,
            model.config.sliding_window if layer.attention_type == "sliding_attention" else -1,
            tables[layer.attention_type],
        )
        for layer in model.layers
    ]


def rotary_of(model: nn.Module, kind: str) -> Tensor:
    """Cosines and sines of every position, of shape `(positions, head_dim)`."""
    if model.rotary_emb.rope_type.get(kind) != "default":
        raise Unfit(f"its rotary positions are of the type {model.rotary_emb.rope_type.get(kind)}")
    positions = torch.arange(model.config.max_position_embeddings)
    cosine, sine = (x[0] for x in model.rotary_emb(torch.zeros(1), positions[None], kind))
    half = cosine.shape[-1] // 2
    return torch.cat([cosine[:, :half], sine[:, :half]], -1)


def embed(model: nn.Module, tokens: Tokens) -> Tensor:
    return model.embeddings(input_ids=tokens.input_ids, inputs_embeds=tokens.inputs_embeds)


def positions(model: nn.Module, input_ids: Tensor | None, inputs_embeds: Tensor | None) -> Tensor:
    return torch.arange((input_ids if inputs_embeds is None else inputs_embeds).shape[1])[None]


def result(model: nn.Module, hidden: Tensor, given: dict[str, Any]) -> Any:
    from transformers.modeling_outputs import BaseModelOutput

    return BaseModelOutput(last_hidden_state=model.final_norm(hidden))


MODERNBERT = Family(
    ("ModernBertModel",),
    layers_of,
    embed,
    positions,
    result,
    norm_place="before",
    is_gated=True,
    has_positions=True,
)
