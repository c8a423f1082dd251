"""Whether what another runtime computes is what the model of torch computes."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.errors import UsageError

Batch = Mapping[str, Tensor]
VARIANTS = 4


def named(outputs: Any) -> dict[str, Tensor]:
    """The tensors among the outputs of a model: by their names in a `ModelOutput`, otherwise "output", "output_1", ….

    Raises:
        ValueError: there are none.
    """
    if isinstance(outputs, Tensor):
        outputs = (outputs,)
    if not isinstance(outputs, Mapping):
        outputs = {f"output_{i}" if i else "output": value for i, value in enumerate(outputs)}
    tensors = {name: value for name, value in outputs.items() if isinstance(value, Tensor)}
    if not tensors:
        raise UsageError(f"The model returns no tensors, but {[type(value).__name__ for value in outputs.values()]}.")
    return tensors


def axes_of(inputs: Batch) -> dict[str, dict[int, str]]:
    """The axes that may change: the batch, and the sequence of ids, which every input of a kind shares."""
    axes: dict[str, dict[int, str]] = {}
    for name, tensor in inputs.items():
        axes[name] = {0: "batch"}
        if tensor.ndim > 1 and not tensor.is_floating_point():
            axes[name][tensor.ndim - 1] = "decoder_sequence" if name.startswith("decoder_") else "sequence"
    return axes


def other_batch(inputs: Batch, axes: Mapping[str, Mapping[int, str]]) -> dict[str, Tensor]:
    """A batch of another size where `axes` allows that: three samples, one item less of a sequence, other values."""
    generator = torch.Generator().manual_seed(0)
    batch = {}
    for name, tensor in inputs.items():
        if tensor.is_floating_point():
            tensor = torch.randn(tensor.shape, generator=generator).to(tensor.dtype)
        for axis, axis_name in axes.get(name, {}).items():
            length = 3 if axis_name == "batch" else max(tensor.shape[axis] - 1, 1)
            index = torch.arange(length).remainder(tensor.shape[axis])
            tensor = tensor.index_select(axis, index if axis_name == "batch" else index.flip(0))
        batch[name] = tensor
    if "attention_mask" in batch and batch["attention_mask"].shape[-1] > 1:
        batch["attention_mask"] = batch["attention_mask"].clone()
        batch["attention_mask"][0, -1] = 0
    return batch


def why_different(
    session: Callable[[Batch], dict[str, Tensor]], model: nn.Module, batch: Batch, limit: float
) -> str | None:
    """In words how the outputs of a session differ from those of the model; None if they are the same.

    Args:
        limit (`float`): largest difference, relative to the largest value of each output.
    """
    difference = smallest_difference(session, model, batch, limit)
    if difference <= limit:  # a NaN is not
        return None
    shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in batch.items())
    if not math.isfinite(difference):
        return f"on a batch of {shapes}, outputs have other shapes than those of torch, or are not finite"
    return (
        f"on a batch of {shapes}, outputs differ from those of torch by {difference:.2e} of the largest, more than "
        f"{limit:.0e}"
    )


def smallest_difference(
    session: Callable[[Batch], dict[str, Tensor]], model: nn.Module, batch: Batch, limit: float
) -> float:
    """On the batch as it is and on shifted ones, up to the first within `limit`.

    A wrong graph is wrong on all. But where a rounding depends on the last bit, a quantized model can turn 1e-7 into
    ten per cent, which happens to one sentence in a hundred.
    """
    smallest = math.inf
    for shift in range(VARIANTS):
        shifted = {name: tensor.roll(shift, -1) for name, tensor in batch.items()}
        difference = largest_difference(session, model, shifted)
        if difference <= limit or not math.isfinite(difference):
            return difference
        smallest = min(smallest, difference)
    return smallest


@torch.no_grad()
def largest_difference(session: Callable[[Batch], dict[str, Tensor]], model: nn.Module, batch: Batch) -> float:
    """Relative to the largest value of each output; infinite where shapes differ, NaN where one of them has one."""
    expected, got, differences = named(model(**batch)), session(batch), [torch.zeros(())]
    for name in [name for name in got if name in expected]:
        value, wanted = got[name].float(), expected[name].float()
        if value.shape != wanted.shape:
            return math.inf
        if value.numel():
            differences.append((value - wanted).abs().max() / wanted.abs().max().clamp_min(1e-12))
    return torch.stack(differences).max().item()
