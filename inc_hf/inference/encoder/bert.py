"""BERT and the models that are built as it is."""

from typing import Any

from torch import Tensor, nn

from inc_hf.inference.encoder.embedding import embedded
from inc_hf.inference.encoder.family import Family, LayerModules, Tokens, buffered_positions
from inc_hf.inference.encoder.named import modules_of


def layers_of(model: nn.Module) -> list[LayerModules]:
    return [
        modules_of(layer, "bert", "attention.self", "", ("attention.output.LayerNorm", "output.LayerNorm"))
        for layer in model.encoder.layer
    ]


def embed(model: nn.Module, tokens: Tokens) -> Tensor:
    hidden = embedded(model.embeddings, tokens)
    return model.embeddings_project(hidden) if hasattr(model, "embeddings_project") else hidden


def positions_beyond_padding(model: nn.Module, input_ids: Tensor | None, inputs_embeds: Tensor | None) -> Tensor:
    """RoBERTa's: they count from the number of the padding token, and leave padding out."""
    embeddings = model.embeddings
    if input_ids is None:
        return embeddings.create_position_ids_from_inputs_embeds(inputs_embeds, embeddings.padding_idx)
    return embeddings.create_position_ids_from_input_ids(input_ids, embeddings.padding_idx)


def pooled(model: nn.Module, hidden: Tensor, given: dict[str, Any]) -> Any:
    from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions

    pooler_output = None if model.pooler is None else model.pooler(hidden)
    return BaseModelOutputWithPoolingAndCrossAttentions(last_hidden_state=hidden, pooler_output=pooler_output)


def not_pooled(model: nn.Module, hidden: Tensor, given: dict[str, Any]) -> Any:
    from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

    return BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=hidden)


BERT = Family(("BertModel",), layers_of, embed, buffered_positions, pooled)
ELECTRA = Family(("ElectraModel",), layers_of, embed, buffered_positions, not_pooled)
ROBERTA = Family(
    ("RobertaModel", "XLMRobertaModel", "CamembertModel"), layers_of, embed, positions_beyond_padding, pooled
)
