"""What a call of ours spends its time on, to say why a target was missed."""

from functools import partial

import torch
from bench.candidates import WEIGHT_BITS, Layer, quantize_weight
from bench.measure import summary, take_turns
from bench.zeros import zero_blocks

from inc_hf import ops

SHAPES = ((128, 384, 384), (1024, 384, 384), (1024, 768, 3072))
PARTS_ZEROS = (0, 80, 90)


def measure_parts(isas: list[str], limits: dict[str, dict], seconds: float) -> list[dict]:
    """Microseconds on one thread of a whole call, of the same without quantizing, and of the products at the limit."""
    torch.set_num_threads(1)
    found = []
    for isa, (rows, k, n), zeros in [(i, s, z) for i in isas for s in SHAPES for z in PARTS_ZEROS]:
        layer = Layer.random(rows, k, n)
        codes, scale = quantize_weight(layer.weight, WEIGHT_BITS[isa][0])
        kind = "sparse" if zeros else "dense"
        packed = ops.q8_pack(zero_blocks(codes, zeros), scale, layer.bias, kind=kind, isa=isa)
        calls = {
            "whole": partial(ops.q8_linear_packed, layer.x, packed, n),
            "matmul": partial(ops.q8_matmul, *ops.q8_quantize(layer.x), packed, n),
        }
        us = {name: summary(times)["median"] for name, times in take_turns(calls, seconds).items()}
        limit = limits[isa] and limits[isa].get("1")
        products = rows * k * n * (1 - zeros / 100) / limit / 1e3 if limit else None
        found.append({"isa": isa, "rows": rows, "in": k, "out": n, "zeros": zeros, **us, "products": products})
    return found
