"""Smoothing that costs nothing: the factors of a layer's inputs go into what computes these.

That is the output channels of the value projection for an attention's output product (what lies between is a mean
over tokens, channel by channel), those of `up_proj` for the `down_proj` of a gated feed-forward block (a product,
channel by channel), and weight and bias of a norm for the layers that read it. Where there is more between the two, or
somebody else reads it, nothing is folded: a forward pass of the float model tells.
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
from inc_hf.quantize.fold_norms import divided, find_norm_folds
from inc_hf.quantize.plan import Plan
from inc_hf.quantize.workflow import evaluating, planned_modules, run
from inc_hf.undo import restored

# The layer that computes the values, alone or behind query and key, and the product with the heads' results.
VALUES = tuple(
    dict.fromkeys((f.projections[-1], f.output, len(f.projections) == 1) for f in FAMILIES.values() if f.projections)
)
GATED = (("up_proj", "down_proj", False),)
TOLERANCE = 1e-3  # of the largest output


@dataclass
class Fold:
    """A module whose output channels can take the factors of the layers that read it."""

    producer: nn.Module
    readers: list[nn.Module]
    factors: Tensor  # of all output channels of `producer`

    def apply(self) -> None:
        """Let `convert` divide the output channels of a product; those of a norm are divided at once."""
        if hasattr(self.producer, "quantization_plan"):
            self.producer.quantization_plan.output_factors = self.factors
        else:
            for name, values in divided(self.producer, self.factors).items():
                setattr(self.producer, name, nn.Parameter(values, requires_grad=False))
        for reader in self.readers:
            reader.quantization_plan.fold()


@torch.no_grad()
def fold_factors(model: nn.Module, batch: Any) -> int:
    """Let values, gated products and norms take the factors of the layers that read them in a calibrated model, each
    kind if that changes nothing; returns how many do.

    Args:
        batch: an input of the model, in a form that `workflow.run` takes.
    """
    planned = planned_modules(model)
    choose_alphas(planned)
    for module in planned.values():
        module.quantization_plan.stop()  # it has seen enough, and is not to see this batch
    if not any(module.quantization_plan.factors is not None for module in planned.values()):
        return 0
    with restored(model):
        kinds = [list(find_folds(planned, VALUES)), list(find_folds(planned, GATED))]
        kinds.append([Fold(*found) for found in find_norm_folds(model, planned, batch)])
        exact = [fold for folds in kinds if folds and _is_exact(model, folds, batch) for fold in folds]
        exact = exact if exact and _is_exact(model, exact, batch) else []
    for fold in exact:
        fold.apply()
    return len(exact)


def find_folds(planned: Mapping[str, nn.Module], pairs: tuple[tuple[str, str, bool], ...]) -> Iterator[Fold]:
    """The pairs of products that have the shapes, and whose second is smoothed."""
    seen: set[str] = set()
    for first, second, is_fused in pairs:
        for name, module in planned.items():
            owner = name.removesuffix(f".{first}")
            full = resolve_name(owner, second)
            if owner == name or name in seen or full not in planned or full == name:
                continue
            factors = planned[full].quantization_plan.factors
            plan: Plan = module.quantization_plan
            parts = 3 if is_fused else 1
            fits = factors is not None and matrix_shape(module)[0] == parts * len(factors)
            if fits and plan.scheme.weight.per_channel:
                seen.add(name)
                ones = torch.ones_like(factors)
                yield Fold(module, [planned[full]], torch.cat([*[ones] * (parts - 1), factors]))


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
        handles.append(fold.producer.register_forward_hook(lambda m, args, y, f=fold.factors: y / f))
        for reader in fold.readers:
            inputs = fold.factors[-matrix_shape(reader)[1] :]
            handles.append(reader.register_forward_pre_hook(lambda m, args, f=inputs: tuple(x * f for x in args)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
