"""A weight that looks like a float one and is computed from what is stored whenever it is read."""

from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from inc_hf.errors import UsageError

Tensors = dict[str, Tensor | None]  # the buffers of a module
SAME = (torch.ops.aten.detach.default, torch.ops.aten.alias.default)


def refuse_writing() -> NoReturn:
    """Raise ValueError: nothing would keep what is written."""
    raise UsageError(
        "The weight of a quantized or bfloat16 module is read-only: it is computed from what is stored whenever it is "
        "read, so that a change would be lost. Change the float model and quantize that, or change a copy "
        "(`weight.clone()`)."
    )


class FloatView(Tensor):
    """Shape and dtype of a float weight, without its memory. Reading computes it, writing raises `UsageError`.

    Every operation gets the dequantized weight. Views of it (`weight.T`, `weight[0]`) are read-only, too; copies
    (`weight.clone()`, `weight.to(...)`, `copy.deepcopy(weight)`) are ordinary tensors.

    Args:
        tensors (`dict[str, torch.Tensor]`): the buffers of the module, always looked up anew.
        read (`Callable`): a function of a module, not a method: `tensors, dtype -> weight`.
        like (`torch.Tensor`): of the weight's shape, strides and dtype, on the meta device.
        steps (`tuple`): which views are taken of the weight: functions of torch and their arguments.
    """

    @staticmethod
    def __new__(cls, tensors: Tensors, read: Callable, like: Tensor, device: torch.device, steps: tuple = ()):
        if _is_traced(tensors):
            layout = {"strides": like.stride(), "storage_offset": like.storage_offset(), "dtype": like.dtype}
            return Tensor._make_wrapper_subclass(cls, like.shape, device=device, **layout)
        # What goes past the operators to the memory (`other.data = weight`) finds one NaN, not an invalid address.
        with torch.inference_mode(False):
            hollow = torch.full((), torch.nan, dtype=like.dtype, device=device)
        return Tensor._make_subclass(cls, hollow.expand(like.shape))

    def __init__(self, tensors: Tensors, read: Callable, like: Tensor, device: torch.device, steps: tuple = ()):
        self.tensors, self.reader, self.like, self.steps = tensors, read, like, steps

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        if func in SAME:
            view = args[0]
            return cls(view.tensors, view.reader, view.like, view.device, view.steps)
        if func._schema.is_mutable:
            refuse_writing()
        if func.is_view and not _is_traced(args[0].tensors):
            return args[0].viewed(func, args[1:], kwargs or {})
        read = pytree.tree_map_only(cls, cls.read, (args, kwargs or {}))
        return func(*read[0], **read[1])

    def read(self) -> Tensor:
        """The weight as an ordinary tensor."""
        weight = self.reader(self.tensors, self.dtype)
        for function, args, kwargs, index in self.steps:
            weight = function(weight, *args, **kwargs)
            weight = weight if index is None else weight[index]
        return weight

    def reads_like(self, other: "FloatView") -> bool:
        """Whether both have the same shape and values."""
        mine, theirs = ((view.shape, view.dtype, view.device, view.reader, view.steps) for view in (self, other))
        return mine == theirs and all(_same(self.tensors[name], other.tensors.get(name)) for name in self.tensors)

    def viewed(self, func: Callable, args: tuple, kwargs: dict) -> "FloatView | list[FloatView]":
        """One more step, or several views of one step (`split`)."""
        if func is torch.ops.aten.view.default and not _can_be_viewed(self.like, args[0]):
            return self.read().reshape(args[0])  # a copy, as torch makes one of such a weight
        found = func(self.like, *args, **kwargs)

        def view(like: Tensor, index: int | None = None) -> FloatView:
            steps = (*self.steps, (func, args, kwargs, index))
            return type(self)(self.tensors, self.reader, like, self.device, steps)

        return view(found) if isinstance(found, Tensor) else [view(like, i) for i, like in enumerate(found)]

    # What torch.compile and torch.export need: they pass the stored tensors, and trace `read`.
    def __getattr__(self, name: str) -> Tensor:
        tensors = self.__dict__.get("tensors", {})
        if tensors.get(name) is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return tensors[name]

    def __tensor_flatten__(self) -> tuple[list[str], tuple]:
        present = [name for name, tensor in self.tensors.items() if tensor is not None]
        return present, (self.reader, self.dtype, self.device, self.steps)

    @classmethod
    def __tensor_unflatten__(cls, inner: Tensors, context: tuple, size: Any, stride: Any) -> "FloatView":
        read, dtype, device, steps = context
        return cls(inner, read, torch.empty_strided(size, stride, dtype=dtype, device="meta"), device, steps)

    # What goes by the memory of a tensor, or copies it as a whole.
    @property
    def data(self) -> Tensor:
        """With memory, since `other.data = weight.data` takes that."""
        read = self.read()
        view = Tensor._make_subclass(FloatView, read)
        view.__init__({"stored": read}, _stored, read.to("meta"), self.device)
        return view

    @data.setter
    def data(self, value: Tensor) -> None:
        refuse_writing()

    @property
    def requires_grad(self) -> bool:
        return False

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value:
            raise UsageError(
                "The weight of a quantized or bfloat16 module cannot be trained: it is computed from what is stored. "
                "Train the float model before that, or an adapter beside the module."
            )

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        self.requires_grad = requires_grad
        return self

    def element_size(self) -> int:
        """0: the bytes are those of the buffers."""
        return 0

    @property
    def nbytes(self) -> int:
        return 0

    def numpy(self, *args: Any, **kwargs: Any) -> Any:
        return self.read().numpy(*args, **kwargs)

    def tolist(self) -> list:
        return self.read().tolist()

    def __deepcopy__(self, memo: dict) -> nn.Parameter:
        return memo.setdefault(id(self), nn.Parameter(self.read().clone(), requires_grad=False))

    def __repr__(self, **kwargs: Any) -> str:
        if _is_traced(self.tensors):
            return f"FloatView(shape={tuple(self.shape)}, dtype={self.dtype})"
        return super().__repr__(**kwargs)

    def __format__(self, spec: str) -> str:
        return format(self.read(), spec)

    def __reduce_ex__(self, protocol: int) -> Any:
        """What is stored, which is smaller; but nothing that was packed for this CPU."""
        if self.tensors.get("packed") is not None or self.steps:
            return nn.Parameter(self.read(), requires_grad=False).__reduce_ex__(protocol)
        state = self.tensors, self.reader, self.like, self.device, self.steps
        return (_parameter if isinstance(self, nn.Parameter) else FloatView), state


def _stored(tensors: Tensors, dtype: torch.dtype) -> Tensor:
    return tensors["stored"]


def _parameter(*state: Any) -> nn.Parameter:
    return nn.Parameter(FloatView(*state), requires_grad=False)


def _same(tensor: Tensor | None, other: Tensor | None) -> bool:
    if tensor is None or other is None or tensor is other or tensor.is_meta:
        return tensor is other
    return other.shape == tensor.shape and torch.equal(tensor, other)


def _can_be_viewed(like: Tensor, shape: Any) -> bool:
    try:
        like.view(shape)
    except RuntimeError:
        return False
    return True


def _is_traced(tensors: Tensors) -> bool:
    """Whether a program is being traced, in which nothing of a view can be written."""
    kinds = {type(tensor) for tensor in tensors.values() if tensor is not None}
    return torch.compiler.is_compiling() or not kinds <= {Tensor, nn.Parameter}


class Unwritten(FloatView):
    """One that takes what is written and forgets it, as its views do."""

    @classmethod
    def of(cls, view: FloatView) -> "Unwritten":
        return cls(view.tensors, view.reader, view.like, view.device, view.steps)

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        if func._schema.is_mutable and isinstance(args[0], cls):
            return args[0]
        return super().__torch_dispatch__(func, types, args, kwargs)
