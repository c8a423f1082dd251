"""Which modules a forward pass reaches, in which order, and with inputs of how many dimensions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from inc_hf.matching.patterns import named_modules_with_duplicates
from inc_hf.quantize.nn import op_type


def first_input(args: tuple, kwargs: dict) -> Tensor:
    """The tensor that a module was called with, given by position or by name."""
    return args[0] if args else next(iter(kwargs.values()))


@torch.no_grad()
def reached_modules(model: nn.Module, forward: Callable[[], object]) -> dict[str, int]:
    """Name -> `ndim` of the input, in the order of the calls, of all modules that `forward()` calls and that could
    be quantized. A module that is only read (DeBERTa's `rel_embeddings`) or never used is not in it.
    """
    with recording_reached(model) as reached:
        forward()
    return reached


@contextmanager
def recording_reached(model: nn.Module) -> Iterator[dict[str, int]]:
    """Collect what [`reached_modules`] tells, of all calls of the model inside the block."""
    reached: dict[str, int] = {}
    hooks = [
        module.register_forward_pre_hook(_recorder(name, reached), with_kwargs=True)
        for name, module in named_modules_with_duplicates(model)
        if op_type(module) is not None
    ]
    try:
        yield reached
    finally:
        for hook in hooks:
            hook.remove()


def _recorder(name: str, reached: dict[str, int]) -> Callable:
    def record(module: nn.Module, args: tuple, kwargs: dict) -> None:
        reached.setdefault(name, first_input(args, kwargs).ndim)

    return record
