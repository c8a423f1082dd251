"""ModernBERT: rotary positions, windows in two of three layers, gated feed-forwards, norms before the products."""

from typing import Any

from torch import Tensor, nn

from inc_hf.inference.encoder.family import Family, LayerModules, Tokens
from inc_hf.inference.encoder.rotary import counted, rotary_table


def layers_of(model: nn.Module) -> list[LayerModules]:
    types = model.rotary_emb.rope_type
    tables = {kind: rotary_table(model, types.get(kind), kind) for kind in set(model.config.layer_types)}
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


def embed(model: nn.Module, tokens: Tokens) -> Tensor:
    return model.embeddings(input_ids=tokens.input_ids, inputs_embeds=tokens.inputs_embeds)


def result(model: nn.Module, hidden: Tensor, given: dict[str, Any]) -> Any:
    from transformers.modeling_outputs import BaseModelOutput

    return BaseModelOutput(last_hidden_state=model.final_norm(hidden))


MODERNBERT = Family(
    ("ModernBertModel",),
    layers_of,
    embed,
    counted,
    result,
    norm_place="before",
    is_gated=True,
    has_positions=True,
)
