"""ALBERT, whose layers share their weights."""

from typing import Any

from torch import Tensor, nn

from inc_hf.inference.encoder.embedding import embedded
from inc_hf.inference.encoder.family import Family, LayerModules, Tokens, buffered_positions
from inc_hf.inference.encoder.named import modules_of


def layers_of(model: nn.Module) -> list[LayerModules]:
    config, groups = model.config, model.encoder.albert_layer_groups
    in_order = [
        groups[int(i / (config.num_hidden_layers / config.num_hidden_groups))] for i in range(config.num_hidden_layers)
    ]
    norms = ("attention.LayerNorm", "full_layer_layer_norm")
    return [modules_of(layer, "albert", "attention", "", norms) for group in in_order for layer in group.albert_layers]


def embed(model: nn.Module, tokens: Tokens) -> Tensor:
    hidden = embedded(model.embeddings, tokens)
    return model.encoder.embedding_hidden_mapping_in(hidden)


def result(model: nn.Module, hidden: Tensor, given: dict[str, Any]) -> Any:
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    pooled = None if model.pooler is None else model.pooler_activation(model.pooler(hidden[:, 0]))
    return BaseModelOutputWithPooling(last_hidden_state=hidden, pooler_output=pooled)


ALBERT = Family(("AlbertModel",), layers_of, embed, buffered_positions, result)
