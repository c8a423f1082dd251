"""What lies between the matrix products, and the packing of a model's weights."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from bench.candidates import WEIGHT_BITS, quantize_weight
from bench.measure import summary, take_turns
from torch import Tensor

from inc_hf import ops
from inc_hf.ops import elementwise

# Six layers of MiniLM, (out_features, in_features): query, key, value and output, up, down.
MINILM = 6 * (4 * [(384, 384)] + [(1536, 384), (384, 1536)])
PACKINGS = 10


@dataclass
class Pair:
    """The same function of `elements` numbers in ours and in torch."""

    name: str
    elements: int
    ours: Callable
    torch: Callable


def pairs() -> list[Pair]:
    """In the sizes of MiniLM on 128 tokens."""
    wide, x, scores = torch.randn(128, 1536), torch.randn(128, 384), torch.randn(1, 12, 128, 128)
    norm = (x, torch.randn(128, 384), torch.ones(384), torch.zeros(384))
    functions = [
        ("GELU, 128 x 1536", "activate", (wide, "gelu")),
        ("LayerNorm + residual, 128 x 384", "layer_norm", norm),
        ("softmax + mask, 12 x 128 x 128", "softmax", (scores, torch.zeros(1, 1, 1, 128))),
    ]
    found = []
    for name, function, args in functions:
        ours, reference = getattr(elementwise, function), getattr(elementwise, f"{function}_reference")
        found.append(Pair(name, args[0].numel(), partial(ours, *args), partial(reference, *args)))
    return [*found, *quantize_pairs(x)]


def quantize_pairs(x: Tensor) -> list[Pair]:
    per_token = Pair(
        "quantize per token, 128 x 384",
        x.numel(),
        partial(ops.q8_quantize, x),
        lambda: ops.quantize_activation(x, ops.per_token_scale(x)),
    )
    static = Pair(
        "quantize by one scale, 128 x 384",
        x.numel(),
        partial(ops.q8_quantize, x, torch.tensor([0.03])),
        partial(torch.quantize_per_tensor, x, 0.03, 128, torch.quint8),
    )
    return [per_token, static]


def measure_elementwise(threads: list[int], seconds: float) -> list[dict]:
    """Nanoseconds per element, on the ISA in use."""
    found = []
    for pair in pairs():
        for count in threads:
            torch.set_num_threads(count)
            times = take_turns({"ours": pair.ours, "torch": pair.torch}, seconds)
            ns = {name: round(summary(t)["median"] * 1e3 / pair.elements, 4) for name, t in times.items()}
            found.append({"name": pair.name, "threads": count, **ns})
    return found


def measure_packing(isas: list[str]) -> list[dict]:
    """Milliseconds for all linear layers of MiniLM, and the bytes of the result against those of the weights."""
    found = []
    for isa, bits in [(name, bits) for name in isas for bits in WEIGHT_BITS[name]]:
        layers = [(*quantize_weight(torch.randn(shape), bits), torch.zeros(shape[0])) for shape in MINILM]
        times = []
        for _ in range(PACKINGS):
            start = time.perf_counter()
            packed = [ops.q8_pack(*layer, isa=isa) for layer in layers]
            times.append((time.perf_counter() - start) * 1e3)
        size = sum(p.numel() for p in packed) / sum(codes.numel() for codes, _, _ in layers)
        found.append({"isa": isa, "bits": bits, "ms": summary(times), "size": round(size, 4)})
    return found
