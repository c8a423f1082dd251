"""How much the loss bends along each weight, times what rounding moves it (HAWQ-V2, Dong et al., NeurIPS 2020)."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.quantize.workflow import evaluating, run
from inc_hf.telling import progress_bar
from inc_hf.tune.sensitivity.exact import first_output
from inc_hf.tune.sensitivity.weights import weight_error

MOST, TOLERANCE = 100, 1e-2
STEP = 1e-2  # of a weight's root mean square

Loss = Callable[[Tensor, Tensor], Tensor]
"""Logits and classes -> a number."""


def rank_by_hessian(
    model: nn.Module,
    twins: Mapping[str, nn.Module],
    batches: Sequence[Any],
    loss: Loss | None = None,
    iterations: int = MOST,
    seed: int = 0,
) -> list[tuple[str, float]]:
    """Names of the modules with trace(H) / n * |W - Q(W)|^2, the largest first; H is the Hessian of the loss by the
    module's n weights.

    Args:
        loss: of the logits and the classes that the float model itself predicts; default: cross entropy.
        iterations: random directions at most; ends when the traces change by less than 1 % (INC: 500 and 1e-5).
    """
    modules = {name: model.get_submodule(name) for name in twins}
    weights = {name: module.weight for name, module in modules.items()}
    traces = hessian_traces(model, weights, batches, loss or nn.functional.cross_entropy, iterations, seed)
    harm = {
        name: traces[name] / weights[name].numel() * weight_error(modules[name], twin) for name, twin in twins.items()
    }
    finite = {name: value if math.isfinite(value) else math.inf for name, value in harm.items()}
    return sorted(finite.items(), key=lambda item: -item[1])


def hessian_traces(
    model: nn.Module, weights: Mapping[str, Tensor], batches: Sequence[Any], loss: Loss, iterations: int, seed: int
) -> dict[str, float]:
    """Trace of the Hessian by each weight, by Hutchinson's estimate: the mean of r^T H r for random signs r.

    H r is the difference of two gradients, a step apart: the attention of PyTorch on a CPU has no second derivative.
    All weights move at once; what they do to each other has a mean of zero.
    """
    generator = torch.Generator().manual_seed(seed)
    sums, before = dict.fromkeys(weights, 0.0), None
    with evaluating(model), torch.no_grad():
        labelled = [(batch, _logits(model, batch).argmax(-1)) for batch in batches]
    with evaluating(model), _trained(weights.values()), _saved(weights.values()) as originals:
        for count in progress_bar(range(1, iterations + 1), desc="Hessian", unit="direction", leave=False):
            signs = [torch.randint(0, 2, w.shape, generator=generator).to(w) * 2 - 1 for w in originals]
            steps = [STEP * float(w.square().mean().sqrt().clamp(min=1e-12)) for w in originals]
            gradients = []
            for side in (1, -1):
                moved = [w + side * step * sign for w, step, sign in zip(originals, steps, signs, strict=True)]
                gradients.append(_gradients(model, weights, moved, labelled, loss))
            for name, sign, step, up, down in zip(weights, signs, steps, *gradients, strict=True):
                sums[name] += float((sign * (up - down)).sum()) / (2 * step)
            mean = sum(sums.values()) / count
            if before is not None and abs(mean - before) < TOLERANCE * abs(before):
                break
            before = mean
    return {name: value / count for name, value in sums.items()}


def _gradients(
    model: nn.Module,
    weights: Mapping[str, Tensor],
    moved: Sequence[Tensor],
    labelled: Sequence[tuple[Any, Tensor]],
    loss: Loss,
) -> list[Tensor]:
    """Of the mean loss of the batches and their classes, at these weights."""
    with torch.no_grad():
        for weight, value in zip(weights.values(), moved, strict=True):
            weight.copy_(value)
    with torch.enable_grad():
        value = sum(loss(_logits(model, batch), known) for batch, known in labelled) / len(labelled)
        found = torch.autograd.grad(value, list(weights.values()), allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(weights.values(), found, strict=True)]


@contextmanager
def _trained(weights: Iterable[Tensor]) -> Iterator[None]:
    """Gradients for these inside the block."""
    frozen = [weight for weight in weights if not weight.requires_grad]
    for weight in frozen:
        weight.requires_grad_(True)
    try:
        yield
    finally:
        for weight in frozen:
            weight.requires_grad_(False)


@contextmanager
def _saved(weights: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Copies of the values, which come back at the end."""
    weights = list(weights)
    originals = [weight.detach().clone() for weight in weights]
    try:
        yield originals
    finally:
        with torch.no_grad():
            for weight, original in zip(weights, originals, strict=True):
                weight.copy_(original)


def _logits(model: nn.Module, batch: Any) -> Tensor:
    """One row for each sample, or token."""
    logits = first_output(run(model, batch))
    return logits.reshape(-1, logits.shape[-1])
