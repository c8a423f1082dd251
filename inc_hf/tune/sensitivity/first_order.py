"""The effect of every module's rounding at once: its own error, times the gradient of the model's output."""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.quantize.workflow import evaluating, run
from inc_hf.tune.sensitivity.exact import first_output, rank_twins
from inc_hf.tune.sensitivity.hooks import changing_outputs

logger = logging.getLogger(__name__)

PROBES = 4


def rank_by_gradients(
    model: nn.Module, twins: Mapping[str, nn.Module], batches: Sequence[Any], probes: int = PROBES, seed: int = 0
) -> list[tuple[str, float]]:
    """Names of the modules with the squared error that each causes at the model's output by first order, the most
    harmful first, in one forward and `probes` backward passes for each batch.

    A module's own error e is what its twin returns for the float model's inputs, less what it returns itself. With J
    the derivative of the model's output by that of the module, the error of the output is J e, and for random signs r
    the mean of (r^T J e)^2 is |J e|^2 (Hutchinson). Where the model gives no gradients, [`rank_twins`] measures each
    module alone, which takes a forward pass each.
    """
    generator = torch.Generator().manual_seed(seed)
    harm = dict.fromkeys(twins, 0.0)
    with evaluating(model):
        for batch in batches:
            found = _harm_of_batch(model, twins, batch, probes, generator)
            if found is None:
                logger.info("The model's output has no gradients; measuring each module alone.")
                return rank_twins(model, twins, batches)
            for name, value in found.items():
                harm[name] += value
    # a NaN would have no place in the order
    known = {name: value if math.isfinite(value) else math.inf for name, value in harm.items()}
    return sorted(known.items(), key=lambda item: -item[1])


@torch.enable_grad()
def _harm_of_batch(
    model: nn.Module, twins: Mapping[str, nn.Module], batch: Any, probes: int, generator: torch.Generator
) -> dict[str, float] | None:
    errors: list[tuple[str, Tensor, Tensor]] = []  # name, error, where its gradient is taken

    def with_error(name: str, args: tuple, kwargs: dict, output: Tensor) -> Tensor:
        with torch.no_grad():
            error = twins[name](*args, **kwargs).to(output.dtype) - output
        delta = torch.zeros_like(output, requires_grad=True)
        errors.append((name, error, delta))
        return output + delta

    with changing_outputs(model, twins, with_error):
        output = first_output(run(model, batch))
    if not output.requires_grad:
        return None
    harm = dict.fromkeys(twins, 0.0)
    for probe in range(probes):
        signs = torch.randint(0, 2, output.shape, generator=generator).to(output) * 2 - 1
        deltas = [delta for _, _, delta in errors]
        gradients = torch.autograd.grad(output, deltas, signs, retain_graph=probe + 1 < probes, allow_unused=True)
        for name, effect in _effects(errors, gradients, len(output)).items():
            harm[name] += float(effect.square().sum()) / probes
    return harm


def _effects(errors: list, gradients: Sequence[Tensor | None], samples: int) -> dict[str, Tensor]:
    """r^T J e of each module and, where its first dimension is that of the batch, of each sample; the calls of one
    module add up."""
    effects: dict[str, Tensor] = {}
    for (name, error, _), gradient in zip(errors, gradients, strict=True):
        if gradient is None:  # the output does not depend on this call
            continue
        product = gradient * error
        effect = product.flatten(1).sum(1) if product.ndim > 1 and len(product) == samples else product.sum()[None]
        effects[name] = effects[name] + effect if name in effects else effect
    return effects
