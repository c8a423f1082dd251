"""MPNet, whose scores have a bias for each distance of two tokens, the same in all layers."""

from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.inference.encoder.embedding import embedded
from inc_hf.inference.encoder.family import Family, LayerModules, Tokens
from inc_hf.inference.encoder.named import modules_of


def layers_of(model: nn.Module) -> list[LayerModules]:
    return [
        modules_of(layer, "mpnet", "attention.attn", "", ("attention.LayerNorm", "output.LayerNorm"))
        for layer in model.encoder.layer
    ]


def embed(model: nn.Module, tokens: Tokens) -> Tensor:
    return embedded(model.embeddings, tokens)


def positions(model: nn.Module, input_ids: Tensor | None, inputs_embeds: Tensor | None) -> Tensor:
    """They count from the number of the padding token, and leave padding out."""
    if input_ids is None:
        return model.embeddings.create_position_ids_from_inputs_embeds(inputs_embeds)
    real = input_ids.ne(model.embeddings.padding_idx).long()
    return real.cumsum(1) * real + model.embeddings.padding_idx


def result(model: nn.Module, hidden: Tensor, given: dict[str, Any]) -> Any:
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    pooler_output = None if model.pooler is None else model.pooler(hidden)
    return BaseModelOutputWithPooling(last_hidden_state=hidden, pooler_output=pooler_output)


def biases(model: nn.Module) -> Tensor:
    """Of shape `(heads, 2 * positions - 1)`: those of the keys before a query, and after it."""
    most = model.config.max_position_embeddings
    buckets = model.encoder.relative_position_bucket(torch.arange(1 - most, most), num_buckets=BUCKETS)
    return model.encoder.relative_attention_bias(buckets).t().contiguous()


BUCKETS = 32  # whatever the config says, as in `MPNetEncoder.compute_position_bias`
MPNET = Family(("MPNetModel",), layers_of, embed, positions, result, has_positions=True, biases=biases)
