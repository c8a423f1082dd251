"""All layers of an encoder in one native call, on the rows of the real tokens. `encoder_reference.py` has its twin."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from inc_hf.ops.devices import refuse_elsewhere
from inc_hf.ops.library import is_available
from inc_hf.ops.numbers import ACTIVATIONS, ATTENTIONS, NORM_PLACES, PRODUCTS, number_of

PLAN_VERSION = 20260002  # kernels/core/encoder/plan.h says what the numbers of a plan are
ALIGNMENT = 64  # of every packed weight and norm
MOST_TOKENS = 65_536  # of a sequence
BEYOND_BIAS = 15  # floats that may be read before and after the biases of a head


@dataclass
class Product:
    """A Linear layer of an encoder.

    Args:
        packed (`torch.Tensor`): what `q8_pack` returned, or `bf16_pack`.
        kind (`str`): "int8" or "bf16".
        scale (`float`): of the input, if it is static; 0 for one per token.
        zero_point (`int`), num_bits (`int`), round_scale (`bool`): as `q8_linear` takes them.
    """

    packed: Tensor
    kind: str = "int8"
    scale: float = 0.0
    zero_point: int = 0
    num_bits: int = 8
    round_scale: bool = True


@dataclass
class Norm:
    """A LayerNorm of shape `(hidden,)`; without weight or bias if they are None."""

    weight: Tensor | None
    bias: Tensor | None
    eps: float


@dataclass
class Layer:
    """One layer of an encoder: attention and feed-forward, each with its norm, or with None.

    Args:
        key (`Product`), value (`Product`): None if `query` computes all three, one after another.
        window (`int`): tokens farther away than that get no attention; -1 for all tokens.
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

    def products(self) -> tuple[Product | None, ...]:
        return self.query, self.key, self.value, self.output, self.up, self.down

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
        is_gated (`bool`): whether the feed-forward is `down(activation(first half of up) * second half)`.
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


@dataclass
class EncoderPlan:
    """An `Encoder` as the op takes it: numbers, and one buffer that all weights lie in.

    `packed[i]` is a view of that buffer: what was the `packed` of the i-th product that there is, layer by layer.
    """

    numbers: Tensor
    weights: Tensor
    packed: list[Tensor]


def encoder_plan(encoder: Encoder) -> EncoderPlan:
    """Copy all weights into one buffer. A tensor that several layers share is in it once."""
    buffer = _Buffer()
    biases = None if encoder.biases is None else torch.nn.functional.pad(encoder.biases, (BEYOND_BIAS, BEYOND_BIAS))
    buffer.add(biases)
    for layer in encoder.layers:
        for product in layer.products():
            buffer.add(None if product is None else product.packed)
        for norm in filter(None, layer.norms()):
            buffer.add(norm.weight)
            buffer.add(norm.bias)
        buffer.add(layer.rotary)
    weights = buffer.joined()
    products = [product for layer in encoder.layers for product in layer.products() if product is not None]
    packed = [buffer.view(weights, product.packed) for product in products]
    return EncoderPlan(torch.tensor(_numbers(encoder, buffer, biases)), weights, packed)


def encoder(x: Tensor, cu_seqlens: Tensor, plan: EncoderPlan, every_layer: bool = False) -> Tensor:
    """Hidden states of sequences that lie one after another, without padding.

    Args:
        x (`torch.Tensor` of shape `(tokens, hidden)`): float32, on the CPU.
        cu_seqlens (`torch.Tensor` of shape `(sequences + 1,)`): int64, from 0 to `tokens`: sequence `s` has the rows
            from `cu_seqlens[s]` to `cu_seqlens[s + 1]`, at least one and at most 65,536.
        every_layer (`bool`): return the hidden states after each layer.

    Returns:
        `torch.Tensor`: of shape `(tokens, hidden)`, or `(layers, tokens, hidden)`. A sequence's result depends on that
        sequence alone, bit for bit.

    Raises:
        ValueError: wrong type, shape or device, an empty sequence, a plan that is corrupt or of another CPU.
    """
    return torch.ops.inc_hf.encoder.default(x, cu_seqlens, plan.numbers, plan.weights, every_layer)


class _Buffer:
    """Where each tensor will lie."""

    def __init__(self):
        self.tensors: list[Tensor] = []
        self.offsets: dict[int, int] = {}
        self.end = 0

    def add(self, tensor: Tensor | None) -> None:
        if tensor is None or id(tensor) in self.offsets:
            return
        self.offsets[id(tensor)] = self.end
        self.tensors.append(tensor)
        size = tensor.numel() * tensor.element_size()
        self.end += (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT

    def offset(self, tensor: Tensor | None) -> int:
        return -1 if tensor is None else self.offsets[id(tensor)]

    def joined(self) -> Tensor:
        weights = torch.zeros(self.end, dtype=torch.uint8)
        for tensor in self.tensors:
            self.view(weights, tensor).copy_(tensor.detach().contiguous().reshape(-1).view(torch.uint8))
        return weights

    def view(self, weights: Tensor, tensor: Tensor) -> Tensor:
        start = self.offset(tensor)
        return weights[start : start + tensor.numel() * tensor.element_size()]


def _numbers(encoder: Encoder, buffer: _Buffer, biases: Tensor | None) -> list[int]:
    sizes = [encoder.hidden, encoder.heads, encoder.head_dim, encoder.feed_forward]
    numbers = [PLAN_VERSION, len(encoder.layers), *sizes]
    numbers += [number_of(encoder.activation, ACTIVATIONS, "activation")]
    numbers += [number_of(encoder.norm_place, NORM_PLACES, "place of the norms")]
    numbers += [number_of(encoder.attention, ATTENTIONS, "attention"), _bits(encoder.factor)]
    numbers += [int(encoder.is_gated), encoder.positions, buffer.offset(biases)]
    for layer in encoder.layers:
        numbers += [layer.window, buffer.offset(layer.rotary)]
        for product in layer.products():
            numbers += _of_product(product, buffer)
        for norm in layer.norms():
            numbers += _of_norm(norm, buffer)
    return numbers


def _of_product(product: Product | None, buffer: _Buffer) -> list[int]:
    if product is None:
        return [PRODUCTS["none"], -1, 0, 0, 0, 8, 0]
    place = [buffer.offset(product.packed), product.packed.numel()]
    quantizer = [_bits(product.scale), product.zero_point, product.num_bits, int(product.round_scale)]
    return [number_of(product.kind, PRODUCTS, "kind of product"), *place, *quantizer]


def _of_norm(norm: Norm | None, buffer: _Buffer) -> list[int]:
    return (
        [0, -1, -1, 0] if norm is None else [1, buffer.offset(norm.weight), buffer.offset(norm.bias), _bits(norm.eps)]
    )


def _bits(value: float) -> int:
    """Those of a float32."""
    return struct.unpack("<I", struct.pack("<f", value))[0]


def cu_seqlens_of(lengths: Sequence[int] | Tensor) -> Tensor:
    """Lengths of sequences as `encoder` takes them."""
    lengths = torch.as_tensor(lengths, dtype=torch.int64)
    return torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])


if is_available():

    @torch.library.register_fake("inc_hf::encoder")
    def _(x, cu_seqlens, plan, weights, every_layer):
        refuse_elsewhere(x, cu_seqlens=cu_seqlens, plan=plan, weights=weights)
        if every_layer:
            raise NotImplementedError("How many layers there are is in the plan, which a traced program cannot read.")
        return torch.empty_like(x)
