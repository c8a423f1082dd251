"""EuroBERT: rotary positions, gated feed-forwards, norms by the root mean square before the products."""

from typing import Any

from torch import Tensor, nn

from inc_hf.inference.encoder.family import Family, LayerModules, Tokens, Unfit
from inc_hf.inference.encoder.named import modules_of
from inc_hf.inference.encoder.rotary import counted, rotary_table

NORMS = ("input_layernorm", "post_attention_layernorm")


def layers_of(model: nn.Module) -> list[LayerModules]:
    if model.config.num_key_value_heads != model.config.num_attention_heads:
        raise Unfit("several of its heads share a key")
    table = rotary_table(model, model.rotary_emb.rope_type)
    return [
        modules_of(layer, "llama", "self_attn", "mlp", NORMS, "act_fn")._replace(rotary=table)
        for layer in model.layers
    ]


def embed(model: nn.Module, tokens: Tokens) -> Tensor:
    return model.embed_tokens(tokens.input_ids) if tokens.inputs_embeds is None else tokens.inputs_embeds


def result(model: nn.Module, hidden: Tensor, given: dict[str, Any]) -> Any:
    from transformers.modeling_outputs import BaseModelOutput

    return BaseModelOutput(last_hidden_state=model.norm(hidden))


EUROBERT = Family(
    ("EuroBertModel",), layers_of, embed, counted, result, norm_place="before", is_gated=True, has_positions=True
)
