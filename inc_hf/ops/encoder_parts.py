"""What an encoder is made of: sizes, packed weights, norms, positions."""

from dataclasses import dataclass, field

from torch import Tensor

MOST_TOKENS = 65_536  # of a sequence


@dataclass
class Product:
    """A Linear layer of an encoder.

    Args:
        packed (`torch.Tensor`): what `q8_pack` returned, or `bf16_pack`.
        kind (`str`): "int8" or "bf16".
        scale (`float`): of the input, if it is static; 0 for one per token.
        zero_point (`int`), num_bits (`int`), round_scale (`bool`): as `q8_linear` takes them.
        factors (`torch.Tensor` of shape `(in_features,)`, *optional*): the input is multiplied by them first; of
            "int8" only.
    """

    packed: Tensor
    kind: str = "int8"
    scale: float = 0.0
    zero_point: int = 0
    num_bits: int = 8
    round_scale: bool = True
    factors: Tensor | None = None


@dataclass
class Norm:
    """A norm of shape `(hidden,)`, without weight or bias if they are None.

    Args:
        kind (`str`): "layer", or "rms", which has no bias.
    """

    weight: Tensor | None
    bias: Tensor | None
    eps: float
    kind: str = "layer"


@dataclass
class Layer:
    """One layer of an encoder: attention and feed-forward, each with its norm, or with None.

    Args:
        key (`Product`), value (`Product`): None if `query` computes all three, one after another.
        window (`int`): tokens farther away than that get no attention; -1 for all tokens.
        gate (`Product`, *optional*): of a gated feed-forward whose `up` does not compute the gate, too.
        rotary (`torch.Tensor` of shape `(positions, head_dim)`, *optional*): for each position the cosines of the
            first half of a head's values, then their sines.
    """

    query: Product
    key: Product | None
    value: Product | None
    output: Product
    up: Product
    down: Product
    attention_norm: Norm | None
    feed_forward_norm: Norm | None
    window: int = -1
    rotary: Tensor | None = None
    gate: Product | None = None

    def products(self) -> tuple[Product | None, ...]:
        """In the order of a plan."""
        return self.query, self.key, self.value, self.output, self.gate, self.up, self.down

    def norms(self) -> tuple[Norm | None, ...]:
        return self.attention_norm, self.feed_forward_norm


@dataclass
class Encoder:
    """What an encoder is made of.

    Args:
        hidden (`int`), heads (`int`), head_dim (`int`), feed_forward (`int`): sizes.
        activation (`str`): between the two products of the feed-forward: a key of `ops.ACTIVATIONS`.
        factor (`float`): of the scores, positive; `1 / sqrt(head_dim)` for most.
        norm_place (`str`): "after" adding the residual, as in BERT, or "before" the products, as in ViT.
        attention (`str`): "int8" or "fp32".
        layers (`list[Layer]`): at least one.
        is_gated (`bool`): whether the feed-forward is `down(activation(gate) * up)`; without a gate of its own, `up`
            computes both, one after the other.
        positions (`int`): most tokens of a sequence.
        biases (`torch.Tensor` of shape `(heads, 2 * positions - 1)`, *optional*): of the scores; column
            `positions - 1 + j - i` is for query i and key j.
    """

    hidden: int
    heads: int
    head_dim: int
    feed_forward: int
    activation: str
    factor: float
    norm_place: str = "after"
    attention: str = "int8"
    layers: list[Layer] = field(default_factory=list)
    is_gated: bool = False
    positions: int = MOST_TOKENS
    biases: Tensor | None = None
