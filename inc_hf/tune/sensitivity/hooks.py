"""Hooks of modules that are there while a model runs, and gone afterwards."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


@contextmanager
def removing(handles: Iterable[RemovableHandle]) -> Iterator[None]:
    """Remove these hooks at the end of the block."""
    handles = list(handles)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def changing_outputs(
    model: nn.Module, names: Iterable[str], change: Callable[[str, tuple, dict, Tensor], Tensor]
) -> Iterator[None]:
    """Inside the block each named module returns `change(name, args, kwargs, output)`; those that return no tensor are
    left alone."""

    def hook_of(name: str) -> Callable:
        def hook(module: nn.Module, args: tuple, kwargs: dict, output: object) -> object:
            return change(name, args, kwargs, output) if isinstance(output, Tensor) else output

        return hook

    with removing(model.get_submodule(name).register_forward_hook(hook_of(name), with_kwargs=True) for name in names):
        yield
