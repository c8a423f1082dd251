"""Which module of a model an export failed in."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

UNKNOWN_OPERATOR = re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+)'")


class Path:
    """Names of the modules that are being called, outermost first."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def innermost(self) -> str:
        """Where a call is now, or where it stopped."""
        return self.names[-1] if self.names else ""


@contextmanager
def following(model: nn.Module) -> Iterator[Path]:
    """Keep, inside the block, the path of the module that is being called; what raises leaves it where it was."""
    path = Path()

    def enter(name: str) -> Callable:
        return lambda module, args: path.names.append(name)

    def leave(module: nn.Module, args: Any, output: Any) -> None:
        path.names.pop()

    handles = []
    for name, module in model.named_modules():
        handles += [module.register_forward_pre_hook(enter(name)), module.register_forward_hook(leave)]
    try:
        yield path
    finally:
        for handle in handles:
            handle.remove()


class _Finder(TorchDispatchMode):
    """Takes down the path at the first call of an operator."""

    def __init__(self, operator: str, path: Path):
        super().__init__()
        self.operator, self.path, self.found = operator, path, ""

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if not self.found and str(function).startswith(f"{self.operator}."):
            self.found = self.path.innermost()
        return function(*args, **(kwargs or {}))


@torch.no_grad()
def explain(error: BaseException, model: nn.Module, call: Callable[[], Any], stopped_in: str) -> str:
    """Why the export failed, and in which module of `model`.

    Args:
        call: runs the model on the example batch.
        stopped_in (`str`): the module in which tracing stopped, "" if it came to its end.
    """
    while error.__cause__ is not None:
        error = error.__cause__
    text = f"{type(error).__name__}: {str(error).strip()}"
    unknown = UNKNOWN_OPERATOR.search(text)
    if unknown is None:
        where = f" (in `{stopped_in}`)" if stopped_in else ""
        return f"{' '.join(text.split())[:400].rstrip('.')}{where}."
    with following(model) as path, _Finder(unknown[1], path) as finder:
        call()
    where = f" of `{finder.found}`" if finder.found else ""
    return f"the operator {unknown[1]}{where} is not known to ONNX."
