"""The plain-torch twins of the native encoder and its attention."""

from collections.abc import Callable

import torch
from torch import Tensor

from inc_hf.ops.encoder import Encoder, Layer, Norm, Product
from inc_hf.ops.reference import ACTIVATIONS

Multiply = Callable[[Product, Tensor], Tensor]
SYMMETRIC = 127  # largest magnitude of 8-bit queries, keys and values
LEAST = 1e-12  # that a scale is made of
STEPS = 255  # of a probability


def encoder_reference(
    x: Tensor, cu_seqlens: Tensor, encoder: Encoder, multiply: Multiply, every_layer: bool = False
) -> Tensor:
    """Twin of `ops.encoder`. `multiply(product, rows)` computes a Linear layer, with its bias."""
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
    query, key, value = (multiply(product, x) for product in (layer.query, layer.key, layer.value))
    context = _attention_of_sequences(query, key, value, cu_seqlens, encoder)
    hidden = leaving(hidden + multiply(layer.output, context), layer.attention_norm)
    x = entering(hidden, layer.feed_forward_norm)
    middle = ACTIVATIONS[encoder.activation](multiply(layer.up, x))
    return leaving(hidden + multiply(layer.down, middle), layer.feed_forward_norm)


def _norm(x: Tensor, norm: Norm) -> Tensor:
    return torch.nn.functional.layer_norm(x, x.shape[-1:], norm.weight, norm.bias, norm.eps)


def _attention_of_sequences(query: Tensor, key: Tensor, value: Tensor, cu_seqlens: Tensor, encoder: Encoder) -> Tensor:
    attend = attention_int8 if encoder.attention == "int8" else attention_fp32
    bounds = cu_seqlens.tolist()
    results = []
    for first, end in zip(bounds, bounds[1:], strict=False):
        shape = (end - first, encoder.heads, encoder.head_dim)
        q, k, v = (x[first:end].view(shape).transpose(0, 1) for x in (query, key, value))
        results.append(attend(q, k, v, encoder.factor).transpose(0, 1).reshape(end - first, -1))
    return torch.cat(results)


def attention_fp32(query: Tensor, key: Tensor, value: Tensor, factor: float) -> Tensor:
    """`softmax(factor * query @ key.T) @ value` of heads of shape `(heads, tokens, head_dim)`."""
    return (factor * (query @ key.transpose(-1, -2))).softmax(-1) @ value


def attention_int8(query: Tensor, key: Tensor, value: Tensor, factor: float) -> Tensor:
    """The same in 8 bits: queries and keys with a scale per token, values with one per channel.

    Probabilities are `round(255 exp(score - largest score))`, divided by their sum.
    """
    scores = factor * (_rounded(query, -1) @ _rounded(key, -1).transpose(-1, -2))
    weights = (STEPS * (scores - scores.amax(-1, keepdim=True)).exp()).round()
    return weights @ _rounded(value, -2) / weights.sum(-1, keepdim=True)


def _rounded(x: Tensor, dim: int) -> Tensor:
    """Symmetric integers with one scale along `dim`, as floats."""
    largest = x.abs().amax(dim, keepdim=True).clamp_min(LEAST)
    return (x * (SYMMETRIC / largest)).round() * (largest / SYMMETRIC)
