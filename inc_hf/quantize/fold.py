"""Smoothing of an attention's output product that costs nothing: its factors go into the value's output channels.

What lies between the two is a mean over tokens, channel by channel. Where it is more than that, nothing is folded: a
forward pass of the float model tells.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.matching.families import FAMILIES, resolve_name
from inc_hf.matching.layout import matrix_shape
from inc_hf.quantize.alpha import choose_alphas
from inc_hf.quantize.plan import Plan
from inc_hf.quantize.workflow import evaluating, planned_modules, run
from inc_hf.undo import restored

# The layer that computes the values, alone or behind query and key, and the product with the heads' results.
VALUES = tuple(
    dict.fromkeys((f.projections[-1], f.output, len(f.projections) == 1) for f in FAMILIES.values() if f.projections)
)
TOLERANCE = 1e-3  # of the largest output


@dataclass
class Fold:
    """A value whose output channels can take the factors of the product `output`."""

    value: nn.Module
    output: nn.Module
    factors: Tensor  # of all output channels of `value`


@torch.no_grad()
def fold_into_values(model: nn.Module, batch: Any) -> int:
    """Let values take the factors of a calibrated model's output products, if that changes nothing; returns how many.

    Args:
        batch: an input of the model, in a form that `workflow.run` takes.
    """
    planned = planned_modules(model)
    choose_alphas(planned)
    folds = list(find_folds(planned))
    for module in planned.values():
        module.quantization_plan.hook.remove()  # it has seen enough, and is not to see this batch
    with restored(model):
        if not folds or not _is_exact(model, folds, batch):
            return 0
    for fold in folds:
        fold.value.quantization_plan.output_factors = fold.factors
        fold.output.quantization_plan.fold()
    return len(folds)


def find_folds(planned: Mapping[str, nn.Module]) -> Iterator[Fold]:
    """The pairs of the families that have the shapes, and whose output product is smoothed."""
    seen: set[str] = set()
    for value, child, is_fused in VALUES:
        for name, module in planned.items():
            owner = name.removesuffix(f".{value}")
            full = resolve_name(owner, child)
            if owner == name or name in seen or full not in planned or full == name:
                continue
            factors = planned[full].quantization_plan.factors
            plan: Plan = module.quantization_plan
            parts = 3 if is_fused else 1
            fits = factors is not None and matrix_shape(module)[0] == parts * len(factors)
            if fits and plan.scheme.weight.per_channel:
                seen.add(name)
                ones = torch.ones_like(factors)
                yield Fold(module, planned[full], torch.cat([*[ones] * (parts - 1), factors]))


def _is_exact(model: nn.Module, folds: list[Fold], batch: Any) -> bool:
    def outputs() -> list[Tensor]:
        found = run(model, batch)
        values = [found] if isinstance(found, Tensor) else found.values() if isinstance(found, Mapping) else found
        return [value for value in values if isinstance(value, Tensor) and value.is_floating_point()]

    with evaluating(model):
        expected = outputs()
        with _folded(folds):
            found = outputs()
    return bool(expected) and all(
        (a - b).abs().max() <= TOLERANCE * b.abs().max() for a, b in zip(found, expected, strict=True) if b.numel()
    )


@contextmanager
def _folded(folds: list[Fold]) -> Iterator[None]:
    """The float model, as if the factors were folded."""
    handles = []
    for fold in folds:
        inputs = fold.factors[-matrix_shape(fold.output)[1] :]
        handles.append(fold.value.register_forward_hook(lambda m, args, y, f=fold.factors: y / f))
        handles.append(fold.output.register_forward_pre_hook(lambda m, args, f=inputs: tuple(x * f for x in args)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
