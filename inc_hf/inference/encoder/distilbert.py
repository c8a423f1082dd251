"""DistilBERT."""

from typing import Any

from torch import Tensor, nn

from inc_hf.inference.encoder.embedding import embedded
from inc_hf.inference.encoder.family import Family, LayerModules, Tokens, buffered_positions
from inc_hf.inference.encoder.named import modules_of


def layers_of(model: nn.Module) -> list[LayerModules]:
    return [
        modules_of(layer, "distilbert", "attention", "ffn", ("sa_layer_norm", "output_layer_norm"))
        for layer in model.transformer.layer
    ]


def embed(model: nn.Module, tokens: Tokens) -> Tensor:
    return embedded(model.embeddings, tokens)


def result(model: nn.Module, hidden: Tensor, given: dict[str, Any]) -> Any:
    from transformers.modeling_outputs import BaseModelOutput

    return BaseModelOutput(last_hidden_state=hidden)


DISTILBERT = Family(("DistilBertModel",), layers_of, embed, buffered_positions, result)
