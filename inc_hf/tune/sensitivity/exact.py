"""How much each quantized module alone harms the output, measured by a forward pass for each."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.errors import UsageError
from inc_hf.quantize.nn import quantized_modules
from inc_hf.quantize.resolve import tied_names
from inc_hf.quantize.workflow import evaluating, run
from inc_hf.telling import progress_bar


def rank_by_damage(
    model: nn.Module, quantized: nn.Module, batches: Iterable[Any], progress: bool = True
) -> list[tuple[str, float]]:
    """Names of the quantized modules with the error that each causes alone, most harmful first.

    The error is the mean squared difference of the model's first float output, with only this module quantized,
    divided by the output's variance (INC's `mse_v2` does the reverse: only this module in float).

    Args:
        model: the float model; each module is swapped for its twin in turn, and put back.
        quantized: the converted copy that the twins come from.
        batches: a few inputs, in a form that `workflow.run` takes.
    """
    return rank_twins(model, quantized_modules(quantized), batches, progress)


@torch.no_grad()
def rank_twins(
    model: nn.Module, twins: Mapping[str, nn.Module], batches: Iterable[Any], progress: bool = True
) -> list[tuple[str, float]]:
    """As [`rank_by_damage`], for any modules that could take the places of those in `model`."""
    batches = list(batches)
    damage = {}
    with evaluating(model):
        references = [first_output(run(model, batch)) for batch in batches]
        for name in progress_bar(twins, desc="Ranking modules", unit="module", disable=not progress, leave=False):
            with exchanged(model, {name: twins[name]}):
                damage[name] = error_of(model, batches, references)
    return sorted(damage.items(), key=lambda item: -item[1])


def together(model: nn.Module, names: list[str]) -> list[list[str]]:
    """`names` in their order, with those whose modules share a weight as one item."""
    tied = {name: group for group in tied_names(model) for name in group}
    groups = [[other for other in tied.get(name, [name]) if other in names] for name in names]
    return [group for i, group in enumerate(groups) if group not in groups[:i]]


@contextmanager
def exchanged(model: nn.Module, twins: Mapping[str, nn.Module]) -> Iterator[None]:
    """These modules in the places of the model's own inside the block."""
    originals = {name: model.get_submodule(name) for name in twins}
    try:
        for name, twin in twins.items():
            model.set_submodule(name, twin)
        yield
    finally:
        for name, original in originals.items():
            model.set_submodule(name, original)


def error_of(model: nn.Module, batches: Sequence[Any], references: Sequence[Tensor]) -> float:
    """Mean squared difference of the model's outputs from these, over the variance of these; infinite for a NaN, which
    would have no place in an order."""
    error = total = 0.0
    for batch, reference in zip(batches, references, strict=True):
        output = first_output(run(model, batch))
        error += float((output - reference).square().sum())
        total += float((reference - reference.mean()).square().sum())
    return error / max(total, 1e-30) if math.isfinite(error) else math.inf


def first_output(output: Any) -> Tensor:
    """The tensor to compare models by: `logits` where there are, otherwise the first float tensor of at least two
    dimensions (a loss has none)."""
    if isinstance(output, Tensor):
        return output.float()
    if isinstance(output, Mapping) and "logits" in output:
        return output["logits"].float()
    values = output.values() if isinstance(output, Mapping) else output
    tensors = [value for value in values if isinstance(value, Tensor) and value.is_floating_point() and value.ndim > 1]
    if not tensors:
        raise UsageError(f"The model returned {type(output).__name__} without a float tensor to compare.")
    return tensors[0].float()
