"""A module that keeps its weight in another form than the float one that it shows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.quantize.nn.float_view import FloatView, Tensors, Unwritten, refuse_writing


class StoredWeight(nn.Module):
    """Shows `weight` as the float module does that it stands for, though it stores integers or bfloat16.

    `weight` is a [`FloatView`]: a parameter of the dtype that the module computes in, dequantized when it is read.
    What is stored is the buffer `stored`, which a state dict has under the name `weight`. From `await_weight` to
    `store_weight`, while a checkpoint is loaded and weights are tied, `weight` is what is stored itself.

    Subclasses say how to read it: `read_weight`, a function of the buffers and the dtype, not a method.
    """

    read_weight: Callable[[Tensors, torch.dtype], Tensor]

    def __init__(self, dtype: torch.dtype = torch.float32):
        super().__init__()
        self.dtype = dtype
        self._parameters["weight"] = None
        self.register_buffer("stored", None, persistent=False)

    def stored_weight(self) -> Tensor:
        """The weight as it is stored."""
        return self._buffers["stored"]

    def store_weight(self, stored: Tensor) -> None:
        """Take `stored` instead of the present one."""
        # Not a parameter, which torch.export would take for two tensors.
        self._buffers["stored"] = stored.detach() if isinstance(stored, nn.Parameter) else stored
        self.show_weight()

    def share_weight(self, other: "StoredWeight") -> None:
        """Store the very tensor that another module stores, and show the same parameter if it stands for the same."""
        self.store_weight(other.stored_weight())
        mine, theirs = self._parameters["weight"], other._parameters["weight"]
        if mine.reads_like(theirs):
            self._parameters["weight"] = theirs

    def show_weight(self) -> None:
        """Let `weight` be the float weight of what is stored."""
        stored = self._buffers["stored"]
        like = torch.empty(stored.shape, dtype=self.dtype, device="meta")
        weight = nn.Parameter(self.float_view(like, stored.device), requires_grad=False)
        weight._is_hf_initialized = True  # so that transformers does not draw it anew
        self._parameters["weight"] = weight

    def float_view(self, like: Tensor, device: torch.device) -> FloatView:
        """The float weight, of the shape of the module that this one stands for."""
        return FloatView(self._buffers, self.read_weight, like, device)

    def unwritten_weight(self) -> nn.Parameter:
        """One that looks like the float weight and forgets what is written; zeros while a checkpoint is loaded."""
        weight = self._parameters["weight"]
        if self.awaits_weight:
            like = torch.empty(getattr(self, "unpacked_shape", weight.shape), dtype=self.dtype, device="meta")
            device = torch.device("cpu") if weight.is_meta else weight.device
            shape = self.float_view(like, device).shape
            like = torch.empty(shape, dtype=self.dtype, device="meta")
            weight = FloatView({}, lambda tensors, dtype: torch.zeros(shape, dtype=dtype, device=device), like, device)
        unwritten = nn.Parameter(Unwritten.of(weight), requires_grad=False)
        unwritten._is_hf_initialized = True
        return unwritten

    def await_weight(self, stored: Tensor) -> None:
        """Hold `stored` as the plain parameter `weight`, to be exchanged by whoever loads a checkpoint."""
        self._parameters["weight"] = nn.Parameter(stored, requires_grad=False)
        self._buffers["stored"] = None

    @property
    def awaits_weight(self) -> bool:
        """Whether a checkpoint is being loaded."""
        return not isinstance(self._parameters["weight"], FloatView)

    @contextmanager
    def as_stored(self) -> Iterator[None]:
        """`weight` is what is stored inside the block, for what torch does with the parameters of a module."""
        if self.awaits_weight:
            yield
            return
        shown, stored = self._parameters["weight"], self.stored_weight()
        self._parameters["weight"] = nn.Parameter(stored, requires_grad=False)
        try:
            yield
        finally:
            now, self._parameters["weight"] = self._parameters["weight"].detach(), shown
            if not _is_same(now, stored):
                self._buffers["stored"] = now
            if not _is_same(now, stored) or self.dtype != shown.dtype:
                self.show_weight()

    def _apply(self, fn, recurse: bool = True):
        if not self.awaits_weight:
            # `fn` tells its dtype only by what it does.
            self.dtype = fn(torch.empty(1, dtype=self.dtype, device=self.stored_weight().device)).dtype
        with self.as_stored():
            return super()._apply(fn, recurse)

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if not self.awaits_weight:
            destination[f"{prefix}weight"] = self.stored_weight()

    def _load_from_state_dict(self, state_dict, prefix, metadata, strict, missing, unexpected, errors):
        given = state_dict.get(f"{prefix}weight")
        stored = self._parameters["weight"] if self.awaits_weight else self.stored_weight()
        if given is not None and given.is_floating_point() and not stored.is_floating_point():
            errors.append(
                f"`{prefix}weight` holds {given.dtype} where {stored.dtype} belongs: is it of a float model?"
            )
            return
        with self.as_stored():
            super()._load_from_state_dict(state_dict, prefix, metadata, strict, missing, unexpected, errors)

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles hold what is stored."""
        state = dict(self.__dict__)
        if not self.awaits_weight:
            state["_parameters"] = self._parameters | {"weight": None}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self._parameters["weight"] is None:
            self.show_weight()

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "weight" and not self.awaits_weight:
            if self._is_own(value):  # ties that exist are tied again
                return
            refuse_writing()
        super().__setattr__(name, value)

    def _is_own(self, value: Any) -> bool:
        """Whether `value` shows what this module stores."""
        if not isinstance(value, FloatView):
            return False
        stored = self._buffers["stored"]
        return value.tensors is self._buffers or (stored is not None and value.tensors.get("stored") is stored)

    def register_parameter(self, name: str, param: nn.Parameter | None) -> None:
        if name == "weight" and not self.awaits_weight and not self._is_own(param):
            refuse_writing()
        super().register_parameter(name, param)

    def reset_parameters(self) -> None:
        """Refused, as any writing to the weight."""
        refuse_writing()

    def __delattr__(self, name: str) -> None:
        if name == "weight":
            refuse_writing()
        super().__delattr__(name)


def _is_same(tensor: Tensor, other: Tensor) -> bool:
    """Whether both are one piece of memory, so that what is tied can stay one tensor."""
    return tensor.device == other.device and (tensor.is_meta or tensor.data_ptr() == other.data_ptr())
