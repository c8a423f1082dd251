"""Activations that several layers read, quantized once: those of query, key and value, or of gate and up."""

import weakref

import torch
from torch import Tensor, nn

from inc_hf import ops
from inc_hf.matching.families import SIBLINGS
from inc_hf.quantize.nn import QLinear


class SharedInput:
    """Keeps the codes of the last tensor for as long as that tensor lives unchanged.

    Inference tensors count no changes: an in-place operation on one between two of the layers would go unnoticed.
    Several threads may call; each entry is taken or replaced as a whole.
    """

    def __init__(self):
        self._last: tuple | None = None

    def quantize(self, x: Tensor, *quantizer) -> tuple[Tensor, Tensor]:
        """`ops.q8_quantize`, or what it returned for the same tensor before."""
        version = None if x.is_inference() else x._version
        last = self._last
        if last is not None and last[0]() is x and last[1] == version:
            return last[2]
        codes = ops.q8_quantize(x.float(), *quantizer)
        self._last = (weakref.ref(x, self._forget), version, codes)
        return codes

    def _forget(self, reference: weakref.ref) -> None:
        if self._last is not None and self._last[0] is reference:
            self._last = None

    def __getstate__(self) -> dict:
        """Copies and pickles start empty."""
        return {"_last": None}


def share_inputs(model: nn.Module) -> list[tuple[str, ...]]:
    """Let sibling layers quantize their common input once, in place; the results keep their bits.

    Returns:
        `list[tuple[str, ...]]`: the names of the layers that share, group by group.
    """
    groups = []
    for name, module in model.named_modules():
        for siblings in SIBLINGS:
            layers = [getattr(module, sibling, None) for sibling in siblings]
            if all(isinstance(layer, QLinear) for layer in layers) and quantize_alike(layers):
                shared = SharedInput()
                for layer in layers:
                    layer.shared_input = shared
                groups.append(tuple(f"{name}.{sibling}" for sibling in siblings))
    return groups


def quantize_alike(layers: list[QLinear]) -> bool:
    """Whether the same tensor gives the same codes in all layers."""
    first = layers[0]
    if first.scheme.activation is None:
        return False
    return all(
        layer.scheme.activation == first.scheme.activation
        and layer.in_features == first.in_features
        and layer.smooth_scale is None
        and all(
            mine is None or torch.equal(mine, other)
            for mine, other in [
                (layer.input_scale, first.input_scale),
                (layer.input_zero_point, first.input_zero_point),
            ]
        )
        for layer in layers
    )
