"""NomicBERT: BERT with rotary positions and gated feed-forwards."""

from typing import Any

from torch import Tensor, nn

from inc_hf.inference.encoder.family import Family, LayerModules, Tokens
from inc_hf.inference.encoder.named import modules_of
from inc_hf.inference.encoder.rotary import counted, rotary_table

NORMS = ("post_attention_layernorm", "post_mlp_layernorm")


def layers_of(model: nn.Module) -> list[LayerModules]:
    table = rotary_table(model, model.rotary_emb.rope_type)
    return [
        modules_of(layer, "llama", "self_attn", "mlp", NORMS, "act_fn")._replace(rotary=table)
        for layer in model.layers
    ]


def embed(model: nn.Module, tokens: Tokens) -> Tensor:
    return model.embeddings(
        input_ids=tokens.input_ids, token_type_ids=tokens.token_type_ids, inputs_embeds=tokens.inputs_embeds
    )


def result(model: nn.Module, hidden: Tensor, given: dict[str, Any]) -> Any:
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    pooled = None if model.pooler is None else model.pooler(hidden)
    return BaseModelOutputWithPooling(last_hidden_state=hidden, pooler_output=pooled)


NOMIC_BERT = Family(("NomicBertModel",), layers_of, embed, counted, result, is_gated=True, has_positions=True)
