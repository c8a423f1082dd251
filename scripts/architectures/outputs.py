"""What a model answers, as a list of tensors that can be compared."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache

INTERNAL = ("hidden_states", "attentions", "cross_attentions", "past_key_values", "cache", "mems")


@torch.no_grad()
def outputs_of(model: nn.Module, inputs: dict[str, Any]) -> list[Tensor]:
    """All the floats of the output; what is drawn at random is the same at each call."""
    torch.manual_seed(1)
    return list(tensors(model(**inputs)))


def tensors(value: Any):
    if isinstance(value, Tensor):
        if value.is_floating_point() and value.numel():
            yield value.float()
    elif isinstance(value, Cache):
        return
    elif isinstance(value, dict):
        for name, item in value.items():
            if not name.endswith(INTERNAL):
                yield from tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors(item)


def difference(got: list[Tensor], expected: list[Tensor]) -> float:
    """The largest relative one of all tensors, infinite where one is missing."""
    if len(got) != len(expected):
        return float("inf")
    errors = [relative(*cut_alike(a, b)) for a, b in zip(got, expected, strict=True)]
    return float("nan") if any(error != error for error in errors) else max(errors, default=0.0)


def cut_alike(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Where the length is an output, as that of speech, they are compared as far as both go."""
    if one.ndim != other.ndim:
        return one.new_full((1,), torch.nan), other.new_zeros(1)
    common = tuple(slice(0, min(sizes)) for sizes in zip(one.shape, other.shape, strict=True))
    return one[common], other[common]


def relative(got: Tensor, expected: Tensor) -> float:
    """Of what is finite on both sides, since which tokens are left out by -inf can be an output; NaN if one is new."""
    if bool((got.isnan() & ~expected.isnan()).any()):
        return float("nan")
    finite = expected.isfinite() & got.isfinite()
    got, expected = got[finite].double(), expected[finite].double()
    return float((got - expected).norm() / expected.norm().clamp(min=1e-9))
