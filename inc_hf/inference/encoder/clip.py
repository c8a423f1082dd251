"""CLIP's two towers, and what SigLIP's have in common with them: norms before the products. CLIP's texts look back."""

from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.inference.encoder.family import Family, LayerModules, Tokens, buffered_positions
from inc_hf.inference.encoder.named import modules_of

NEVER = -1e30  # added to the score of a key that gets no attention; -Inf would make NaN of it


def layers_of(model: nn.Module) -> list[LayerModules]:
    return [
        modules_of(layer, "bart", "self_attn", "mlp", ("layer_norm1", "layer_norm2"), "activation_fn")
        for layer in model.encoder.layers
    ]


def embed(model: nn.Module, tokens: Tokens) -> Tensor:
    """Not by the module, which takes all tokens together for a text that is too long."""
    embeddings = model.embeddings
    return embeddings.token_embedding(tokens.input_ids) + embeddings.position_embedding(tokens.position_ids)


def looking_back(model: nn.Module) -> Tensor:
    """A token gets no attention from those before it."""
    most = model.config.max_position_embeddings
    bias = torch.zeros(model.config.num_attention_heads, 2 * most - 1)
    bias[:, most:] = NEVER
    return bias


def end_of_text(model: nn.Module, input_ids: Tensor) -> Tensor:
    """The first one, or the largest id for those who saved a config before that was mended, as transformers has it."""
    is_end = input_ids if model.eos_token_id == 2 else (input_ids == model.eos_token_id)
    return is_end.int().argmax(-1)


def text_result(model: nn.Module, hidden: Tensor, given: dict[str, Any]) -> Any:
    hidden = model.final_layer_norm(hidden)
    pooled = hidden[torch.arange(len(hidden)), end_of_text(model, given["input_ids"])]
    return pooling(hidden, pooled)


def images(model: nn.Module, given: dict[str, Any]) -> Tensor:
    return model.pre_layrnorm(model.embeddings(**given))


def image_result(model: nn.Module, hidden: Tensor, given: dict[str, Any]) -> Any:
    return pooling(hidden, model.post_layernorm(hidden[:, 0]))


def pooling(hidden: Tensor, pooled: Tensor | None) -> Any:
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    return BaseModelOutputWithPooling(last_hidden_state=hidden, pooler_output=pooled)


CLIP_TEXT = Family(
    ("CLIPTextModel",),
    layers_of,
    embed,
    buffered_positions,
    text_result,
    norm_place="before",
    biases=looking_back,
    pooled_at=end_of_text,
    norms_last=False,
)
CLIP_VISION = Family(
    ("CLIPVisionModel",), layers_of, images=images, result=image_result, norm_place="before", norms_last=False
)
