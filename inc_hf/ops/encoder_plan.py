"""What an encoder is made of, as numbers and one buffer: the plan that the native op reads."""

import struct
from dataclasses import dataclass

import torch
from torch import Tensor

from inc_hf.ops.encoder_parts import Encoder, Norm, Product
from inc_hf.ops.numbers import ACTIVATIONS, ATTENTIONS, NORM_PLACES, NORMS, PRODUCTS, number_of

PLAN_VERSION = 20260004  # kernels/core/encoder/plan.h says what the numbers of a plan are
ALIGNMENT = 64  # of every packed weight and norm
BEYOND_BIAS = 15  # floats that may be read before and after the biases of a head


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
            buffer.add(None if product is None else product.factors)
        for norm in filter(None, layer.norms()):
            buffer.add(norm.weight)
            buffer.add(norm.bias)
        buffer.add(layer.rotary)
    weights = buffer.joined()
    products = [product for layer in encoder.layers for product in layer.products() if product is not None]
    packed = [buffer.view(weights, product.packed) for product in products]
    return EncoderPlan(torch.tensor(_numbers(encoder, buffer, biases)), weights, packed)


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
        return [PRODUCTS["none"], -1, 0, 0, 0, 8, 0, -1]
    place = [buffer.offset(product.packed), product.packed.numel()]
    quantizer = [_bits(product.scale), product.zero_point, product.num_bits, int(product.round_scale)]
    kind = number_of(product.kind, PRODUCTS, "kind of product")
    return [kind, *place, *quantizer, buffer.offset(product.factors)]


def _of_norm(norm: Norm | None, buffer: _Buffer) -> list[int]:
    if norm is None:
        return [NORMS["none"], -1, -1, 0]
    kind = number_of(norm.kind, NORMS, "kind of norm")
    return [kind, buffer.offset(norm.weight), buffer.offset(norm.bias), _bits(norm.eps)]


def _bits(value: float) -> int:
    """Those of a float32."""
    return struct.unpack("<I", struct.pack("<f", value))[0]
