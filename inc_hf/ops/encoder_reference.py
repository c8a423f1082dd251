"""The plain-torch twins of the native encoder and its attention."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from inc_hf.ops.encoder_parts import Encoder, Layer, Norm, Product
from inc_hf.ops.reference import ACTIVATIONS

Multiply = Callable[[Product, Tensor], Tensor]
SYMMETRIC = 127  # largest magnitude of 8-bit queries, keys and values
LEAST = 1e-12  # that a scale is made of
STEPS = 255  # of a probability


def encoder_reference(
    x: Tensor, cu_seqlens: Tensor, encoder: Encoder, multiply: Multiply, every_layer: bool = False
) -> Tensor:
    """Twin of `ops.encoder`. `multiply(product, rows)` computes a Linear layer, with its
    factors and its bias."""
    hidden, states = x, []
    for layer in encoder.layers:
        hidden = _layer(hidden, cu_seqlens, encoder, layer, multiply)
        states.append(hidden)
    return torch.stack(states) if every_layer else hidden


def _layer(hidden: Tensor, cu_seqlens: Tensor, encoder: Encoder, layer: Layer, multiply: Multiply) -> Tensor:
    is_before = encoder.norm_place == "before"

    def entering(x: Tensor, norm: Norm) -> Tensor:
        return _norm(x, norm) if is_before else x

    def leaving(x: Tensor, norm: Norm) -> Tensor:
        return x if is_before else _norm(x, norm)

    x = entering(hidden, layer.attention_norm)
    if layer.key is None:
        projected = multiply(layer.query, x).chunk(3, -1)
    else:
        projected = [multiply(product, x) for product in (layer.query, layer.key, layer.value)]
    context = _attention_of_sequences(*projected, cu_seqlens, encoder, layer)
    hidden = leaving(hidden + multiply(layer.output, context), layer.attention_norm)
    x = entering(hidden, layer.feed_forward_norm)
    return leaving(hidden + multiply(layer.down, _middle(x, encoder, layer, multiply)), layer.feed_forward_norm)


def _middle(x: Tensor, encoder: Encoder, layer: Layer, multiply: Multiply) -> Tensor:
    activate = ACTIVATIONS[encoder.activation]
    if not encoder.is_gated:
        return activate(multiply(layer.up, x))
    if layer.gate is not None:
        return activate(multiply(layer.gate, x)) * multiply(layer.up, x)
    gate, up = multiply(layer.up, x).chunk(2, -1)
    return activate(gate) * up


def _norm(x: Tensor, norm: Norm | None) -> Tensor:
    if norm is None:
        return x
    if norm.kind == "rms":
        return torch.nn.functional.rms_norm(x, x.shape[-1:], norm.weight, norm.eps)
    return torch.nn.functional.layer_norm(x, x.shape[-1:], norm.weight, norm.bias, norm.eps)


def _attention_of_sequences(
    query: Tensor, key: Tensor, value: Tensor, cu_seqlens: Tensor, encoder: Encoder, layer: Layer
) -> Tensor:
    lengths = cu_seqlens.diff().tolist()
    if len(set(lengths)) == 1:
        return _attention_of_equals(query, key, value, lengths[0], encoder, layer)
    parts = zip(*(x.split(lengths) for x in (query, key, value)), strict=True)
    return torch.cat([_attention_of_equals(*part, len(part[0]), encoder, layer) for part in parts])


def _attention_of_equals(
    query: Tensor, key: Tensor, value: Tensor, tokens: int, encoder: Encoder, layer: Layer
) -> Tensor:
    """Of sequences of as many tokens."""
    attend = attention_int8 if encoder.attention == "int8" else attention_fp32
    shape = (-1, tokens, encoder.heads, encoder.head_dim)
    q, k, v = (x.reshape(shape).transpose(1, 2) for x in (query, key, value))
    q, k = _rotated(q, layer.rotary), _rotated(k, layer.rotary)
    bias = _bias(tokens, encoder, layer.window)
    return attend(q, k, v, encoder.factor, bias).transpose(1, 2).reshape(len(query), -1)


def _rotated(x: Tensor, table: Tensor | None) -> Tensor:
    if table is None:
        return x
    cosine, sine = table[: x.shape[-2]].chunk(2, -1)
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)


def _bias(tokens: int, encoder: Encoder, window: int) -> Tensor | None:
    """What is added to the scores: of shape `(heads, tokens, tokens)` or without heads; -inf outside of a window."""
    has_window = 0 <= window < tokens - 1
    if encoder.biases is None and not has_window:
        return None
    distance = torch.arange(tokens)[None, :] - torch.arange(tokens)[:, None]
    outside = torch.zeros(tokens, tokens)
    if has_window:
        outside.masked_fill_(distance.abs() > window, -math.inf)
    return outside if encoder.biases is None else outside + encoder.biases[:, distance + encoder.positions - 1]


def attention_fp32(query: Tensor, key: Tensor, value: Tensor, factor: float, bias: Tensor | None = None) -> Tensor:
    """`softmax(factor * query @ key.T + bias) @ value` of heads of shape `(..., heads, tokens, head_dim)`."""
    return torch.nn.functional.scaled_dot_product_attention(query, key, value, bias, scale=factor)


def attention_int8(query: Tensor, key: Tensor, value: Tensor, factor: float, bias: Tensor | None = None) -> Tensor:
    """The same in 8 bits: queries and keys with a scale per token, values with one per channel.

    Probabilities are `round(255 exp(score - largest score))`, divided by their sum.
    """
    scores = factor * (_rounded(query, -1) @ _rounded(key, -1).transpose(-1, -2))
    scores = scores if bias is None else scores + bias
    weights = (STEPS * (scores - scores.amax(-1, keepdim=True)).exp()).round()
    return weights @ _rounded(value, -2) / weights.sum(-1, keepdim=True)


def _rounded(x: Tensor, dim: int) -> Tensor:
    """Symmetric integers with one scale along `dim`, as floats."""
    largest = x.abs().amax(dim, keepdim=True).clamp_min(LEAST)
    return (x * (SYMMETRIC / largest)).round() * (largest / SYMMETRIC)
