"""What has to be known of a kind of encoder: one file each in this folder, and one line in `families.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor, nn


class Unfit(Exception):
    """Why a model, or one of its modules, does not run in the native encoder: a phrase for the user."""


class LayerModules(NamedTuple):
    """The modules of one layer. `activation` stands between `up` and `down`, or behind `gate` if there is one.

    `key` and `value` are None if `query` computes all three. `window` and `rotary`: see `ops.encoder_parts.Layer`.
    """

    query: nn.Module
    key: nn.Module | None
    value: nn.Module | None
    output: nn.Module
    up: nn.Module
    down: nn.Module
    activation: nn.Module
    attention_norm: nn.Module
    feed_forward_norm: nn.Module
    window: int = -1
    rotary: Tensor | None = None
    gate: nn.Module | None = None

    def products(self) -> list[nn.Module]:
        """In the order of `ops.encoder_parts.Layer.products`."""
        all_of = (self.query, self.key, self.value, self.output, self.gate, self.up, self.down)
        return [module for module in all_of if module is not None]

    def with_weights(self) -> list[nn.Module]:
        """Products and norms."""
        norms = (self.attention_norm, self.feed_forward_norm)
        return [*self.products(), *(norm for norm in norms if norm is not None)]


class Tokens(NamedTuple):
    """The tokens that are not padding, of all sequences one after another, each of shape `(1, tokens, ...)`."""

    input_ids: Tensor | None
    inputs_embeds: Tensor | None
    token_type_ids: Tensor | None
    position_ids: Tensor


@dataclass(frozen=True)
class Family:
    """
    Args:
        classes (`tuple[str, ...]`): the base models of transformers, by the names of their classes.
        layers: the modules of each layer of a model, first to last.
        embed: hidden states of shape `(1, tokens, hidden)` that enter the first layer. None where images are read.
        positions: the position ids that a model takes by itself, of shape `(batch or 1, tokens)`, from its input ids
            and its input embeddings, one of which is None. None where images are read.
        result: what the model returns, from the hidden states after its last layer and the model's inputs.
        images: hidden states of shape `(batch, rows, hidden)` that enter the first layer, from inputs that are images.
        norm_place (`str`): "after" adding the residual, or "before" the products.
        is_gated (`bool`): whether the feed-forward is gated, by a `gate` or by what `up` computes, too.
        has_positions (`bool`): whether a layer knows how far apart tokens are: then there must be no holes in a mask,
            and no position ids but the model's own.
        biases: of the scores, as `ops.encoder_parts.Encoder` has them.
        pooled_at: from input ids, the token of each sequence that `result` pools, which must be none of padding.
        norms_last (`bool`): whether the last of the hidden states that are asked for has gone through what `result`
            does, as the output has.
    """

    classes: tuple[str, ...]
    layers: Callable[[nn.Module], list[LayerModules]]
    embed: Callable[[nn.Module, Tokens], Tensor] | None = None
    positions: Callable[[nn.Module, Tensor | None, Tensor | None], Tensor] | None = None
    result: Callable[[nn.Module, Tensor, dict[str, Any]], Any] | None = None
    images: Callable[[nn.Module, dict[str, Any]], Tensor] | None = None
    norm_place: str = "after"
    is_gated: bool = False
    has_positions: bool = False
    biases: Callable[[nn.Module], Tensor] | None = None
    pooled_at: Callable[[nn.Module, Tensor], Tensor] | None = None
    norms_last: bool = True


def buffered_positions(model: nn.Module, input_ids: Tensor | None, inputs_embeds: Tensor | None) -> Tensor:
    """0, 1, 2, ... for every sequence, padded or not."""
    tokens = (input_ids if inputs_embeds is None else inputs_embeds).shape[1]
    return model.embeddings.position_ids[:, :tokens]


def embedded_images(model: nn.Module, given: dict[str, Any]) -> Tensor:
    """What a model's own `embeddings` make of its inputs."""
    return model.embeddings(**given)
