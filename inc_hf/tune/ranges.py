"""The ranges of weights and activations in the float model against those in the quantized one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.quantize.nn import weight_matrix
from inc_hf.quantize.workflow import evaluating, run
from inc_hf.tune.sensitivity.hooks import removing
from inc_hf.tune.sensitivity.weights import restored_weight

RANGE = ("float_min", "float_max", "int8_min", "int8_max")
WEIGHT_COLUMNS = ("module", *RANGE, "mse")
ACTIVATION_COLUMNS = ("module", *RANGE, "clipped")


@torch.no_grad()
def weight_ranges(model: nn.Module, twins: Mapping[str, nn.Module]) -> list[dict[str, Any]]:
    """A row for each quantized module: the range of its weight, that of what its integers stand for, and the mean
    squared difference of both."""
    rows = []
    for name, twin in twins.items():
        weight = weight_matrix(model.get_submodule(name)).float()
        restored = restored_weight(twin)
        mse = float((restored - weight).square().mean())
        rows.append({"module": name, **_row(_range(weight), _range(restored)), "mse": mse})
    return rows


@torch.no_grad()
def activation_ranges(
    model: nn.Module, quantized: nn.Module, twins: Mapping[str, nn.Module], batches: Sequence[Any]
) -> list[dict[str, Any]]:
    """A row for each module whose input becomes integers, and that the batches reach: the range of its input in the
    float model, that of what the integers stand for in the quantized one, and the share of the float model's values
    that these cannot say (`clipped`; nothing is clipped where the scale is that of each token).

    The input of a smoothed module is looked at as its weight takes it, divided by the factors.
    """
    names = [name for name, twin in twins.items() if twin.scheme.activation is not None]
    seen = {name: _Seen(twins[name]) for name in names}
    for which, of_model in enumerate((model, quantized)):
        with evaluating(of_model), _inputs_of(of_model, names, lambda name, x, i=which: seen[name].add(i, x)):
            for batch in batches:
                run(of_model, batch)
    found = {name: values for name, values in seen.items() if None not in values.ranges}
    return [{"module": name, **_row(*v.ranges), "clipped": v.outside / max(v.count, 1)} for name, v in found.items()]


@dataclass
class _Seen:
    """What went into a module in the float model and, cut to what its integers can say, in the quantized one."""

    twin: nn.Module
    outside: int = 0
    count: int = 0

    def __post_init__(self):
        self.ranges: list[tuple[float, float] | None] = [None, None]
        self.grid = _grid(self.twin)

    def add(self, which: int, x: Tensor) -> None:
        x = x.float()
        if getattr(self.twin, "smooth_scale", None) is not None:
            x = x / self.twin.smooth_scale
        if which == 0 and self.grid:
            half = float(self.twin.input_scale) / 2  # what is rounded to the last integer is not lost
            self.outside += int(((x < self.grid[0] - half) | (x > self.grid[1] + half)).sum())
        self.count += x.numel() if which == 0 else 0
        found = _range(x if which == 0 or self.grid is None else x.clamp(*self.grid))
        before = self.ranges[which] or found
        self.ranges[which] = min(before[0], found[0]), max(before[1], found[1])


def _grid(twin: nn.Module) -> tuple[float, float] | None:
    """The least and the largest number that static integers say; None where the scale follows the input."""
    if not twin.scheme.is_static:
        return None
    high = 2 ** (twin.scheme.activation.num_bits - 1) - 1
    scale = float(twin.input_scale)
    zero = 0 if twin.input_zero_point is None else int(twin.input_zero_point)
    return (-high - 1 - zero) * scale, (high - zero) * scale


@contextmanager
def _inputs_of(model: nn.Module, names: Sequence[str], keep: Callable[[str, Tensor], None]) -> Iterator[None]:
    """Inside the block `keep(name, x)` sees the first input of each named module, if it holds floats."""

    def hook_of(name: str) -> Callable:
        def hook(module: nn.Module, args: tuple, kwargs: dict) -> None:
            x = next((a for a in [*args, *kwargs.values()] if isinstance(a, Tensor)), None)
            if x is not None and x.is_floating_point() and x.numel():
                keep(name, x)

        return hook

    modules = [(name, model.get_submodule(name)) for name in names]
    with removing(module.register_forward_pre_hook(hook_of(name), with_kwargs=True) for name, module in modules):
        yield


def _range(x: Tensor) -> tuple[float, float]:
    low, high = torch.aminmax(x)
    return float(low), float(high)


def _row(float_range: tuple[float, float], int_range: tuple[float, float]) -> dict[str, float]:
    return dict(zip(RANGE, (*float_range, *int_range), strict=True))
