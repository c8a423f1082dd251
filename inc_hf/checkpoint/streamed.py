"""The weights of a model that is too large for the memory, read from its files one block at a time."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor, nn

from inc_hf.checkpoint.contents import files_of
from inc_hf.checkpoint.conversions import converted_keys, names_in_memory
from inc_hf.checkpoint.header import read_header
from inc_hf.errors import UsageError
from inc_hf.matching.blocks import by_block

Modules = dict[str, nn.Module]


class StreamedWeights:
    """Where the parameters of a model on the meta device lie on disk, and how they come and go.

    Args:
        model: of transformers, its parameters on meta; persistent buffers are filled at once.
        name: a directory with safetensors files, or a name on the Hub that was downloaded.

    Raises:
        ValueError: there are no safetensors files, a tensor is missing or has another shape, transformers converts the
            tensors of this model as it loads them, or blocks share a weight.
    """

    def __init__(self, model: nn.Module, name: str | os.PathLike, **hub: Any):
        self.model, self.name = model, os.fspath(name)
        files = files_of(name, **hub)
        if not files:
            raise UsageError(f"{self.name} has no safetensors files, which are read layer by layer; save it as such.")
        headers = [(file, key, entry) for file in files for key, entry in read_header(file).items()]
        self.files: dict[str, Path] = {key: file for file, key, _ in headers}
        self.shapes = {key: tuple(entry["shape"]) for _, key, entry in headers}
        if converted_keys(model):
            raise UsageError(
                f"transformers converts the tensors of a {type(model).__name__} as it loads them, which cannot be "
                "done layer by layer; leave out `layer_wise_quant`."
            )
        self.blocks = by_block(model)
        self.keys = self._keys_of_parameters()
        self._check_apart()
        for key, buffer in model.state_dict(keep_vars=True).items():
            if not isinstance(buffer, nn.Parameter) and key in self.known:
                buffer.copy_(self._read(self.known[key], buffer))

    def _keys_of_parameters(self) -> dict[int, str]:
        """`id` of each parameter -> its key in the files."""
        self.known = names_in_memory(self.model, self.files)
        found: dict[int, str] = {}
        named = list(self.model.named_parameters(remove_duplicate=False))
        for name, parameter in named:
            if name in self.known:
                found.setdefault(id(parameter), self.known[name])
        for name, parameter in named:
            if id(parameter) in found and self.shapes[found[id(parameter)]] != tuple(parameter.shape):
                raise UsageError(
                    f"`{name}` of {self.name} has the shape {self.shapes[found[id(parameter)]]}, the config says "
                    f"{tuple(parameter.shape)}."
                )
        missing = [name for name, parameter in named if id(parameter) not in found]
        if missing:
            raise UsageError(
                f"{self.name} has no `{missing[0]}`, which a {type(self.model).__name__} needs; a model with new "
                "parts has to be trained before it is quantized."
            )
        return found

    def _check_apart(self) -> None:
        homes: dict[int, tuple] = {}
        for block, modules in self.blocks.items():
            for name, module in modules.items():
                for parameter in module.parameters(recurse=False):
                    if homes.setdefault(id(parameter), block) != block:
                        raise UsageError(
                            f"`{name}` shares its weight with another block, which cannot be done layer by layer; "
                            "leave out `layer_wise_quant`."
                        )

    def _read(self, key: str, like: Tensor) -> Tensor:
        with safe_open(self.files[key], "pt") as tensors:
            found = tensors.get_tensor(key)
        return found.to(like.dtype, copy=True)  # so that the file need not stay in memory

    @contextmanager
    def loaded(self, modules: Modules) -> Iterator[None]:
        """The parameters of some modules are there inside the block."""
        before = self._load(modules)
        try:
            yield
        finally:
            _put_back(before)

    def _load(self, modules: Modules) -> list[tuple[nn.Module, str, nn.Parameter]]:
        before, read = [], {}
        for module in modules.values():
            for name, parameter in module._parameters.items():
                if parameter is None or not parameter.is_meta:
                    continue
                if id(parameter) not in read:
                    tensor = self._read(self.keys[id(parameter)], parameter)
                    read[id(parameter)] = nn.Parameter(tensor, requires_grad=False)
                before.append((module, name, parameter))
                module._parameters[name] = read[id(parameter)]
        return before

    @contextmanager
    def on_demand(self) -> Iterator[None]:
        """The model can be called inside the block: each of its blocks is there while it runs, what is around them
        while the model does."""
        handles = []
        for (stack, index), modules in self.blocks.items():
            owner = self.model if stack is None else self.model.get_submodule(f"{stack}.{index}")
            held: list = []
            before, after = self._hooks(modules, held)
            handles += [
                owner.register_forward_pre_hook(before, prepend=True),
                owner.register_forward_hook(after, always_call=True),
            ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _hooks(self, modules: Modules, held: list) -> tuple:
        def before(*_: Any) -> None:
            held.append(self._load(modules))

        def after(*_: Any) -> None:
            if held:
                _put_back(held.pop())

        return before, after


def _put_back(before: list[tuple[nn.Module, str, nn.Parameter]]) -> None:
    for module, name, parameter in before:
        module._parameters[name] = parameter
    give_back_memory()


def give_back_memory() -> None:
    """Let the system have what was freed, which glibc would keep, piece by piece between what is still in use."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
