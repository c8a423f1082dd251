"""The blocks of a model: the elements of its outermost lists of equal modules."""

from torch import nn


def block_of(model: nn.Module, name: str) -> tuple[str | None, int]:
    """The outermost list of equal modules that a layer is in, and which of them; `(None, 0)` if it is in none."""
    path = name.split(".")
    for depth in range(1, len(path)):
        stack = model.get_submodule(".".join(path[:depth]))
        if isinstance(stack, nn.ModuleList) and len({type(block) for block in stack}) == 1:
            return ".".join(path[:depth]), int(path[depth])
    return None, 0


def by_block(model: nn.Module) -> dict[tuple[str | None, int], dict[str, nn.Module]]:
    """Each block, in the order of the model, as its modules by their full names; `(None, 0)` is all around them, and
    comes first."""
    found: dict[tuple[str | None, int], dict[str, nn.Module]] = {(None, 0): {}}
    for name, module in model.named_modules():
        found.setdefault(block_of(model, name), {})[name] = module
    return found
