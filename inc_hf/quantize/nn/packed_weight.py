"""A weight in the order that the kernels of this CPU read, in memory only, beside or instead of the stored one."""

import torch
from torch import Tensor, nn


def as_parameter(weight: Tensor) -> nn.Parameter:
    """`weight` as a parameter, since transformers only ties those; one that is one already stays itself."""
    return weight if isinstance(weight, nn.Parameter) else nn.Parameter(weight, requires_grad=False)


class PackedWeight(nn.Module):
    """Keeps the packed form of `weight`, and of what is packed with it, beside or instead of the weight itself.

    A layer packs itself at its first forward pass and keeps its weight; it notices when a tensor that was packed is
    replaced or changed in place, except through `.data`, and except in a compiled program. `release_weight` drops the
    weight: then the packed buffer is all there is, and whatever asks for the weight (a state dict, `.weight`, a move
    to another device) gets it back from there, bit for bit, and packing starts anew.

    Subclasses say what is packed and how: `packed_tensors`, `make_packed` and `unpacked`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.register_buffer("packed", None, persistent=False)
        self._packed_from: tuple | None = None  # what `packed` was made of

    def packed_tensors(self) -> tuple[Tensor | None, ...]:
        """The tensors that `make_packed` reads."""
        raise NotImplementedError

    def make_packed(self) -> Tensor:
        """The weight in the order that this CPU reads, with its scale and bias."""
        raise NotImplementedError

    def unpacked(self) -> Tensor:
        """The weight that `packed` was made of, bit for bit."""
        raise NotImplementedError

    @property
    def is_released(self) -> bool:
        """Whether the packed buffer is all there is."""
        return "weight" not in self._parameters

    def stored_weight(self) -> nn.Parameter:
        """The weight; that of a released layer is unpacked, and stays."""
        if self.is_released:
            self.store_weight(self.unpacked())
        return self._parameters["weight"]

    def store_weight(self, weight: Tensor) -> None:
        """Take `weight` instead of the present one."""
        self._parameters["weight"] = as_parameter(weight)
        self._buffers["packed"] = None

    def __getattr__(self, name: str):
        # Only called for what is not found: the weight, if it was released.
        if name == "weight" and "_parameters" in self.__dict__:
            return self.stored_weight()
        return super().__getattr__(name)

    def _apply(self, fn, recurse: bool = True):
        self.store_weight(self.stored_weight())
        return super()._apply(fn, recurse)

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        self.stored_weight()
        super()._save_to_state_dict(destination, prefix, keep_vars)

    def _load_from_state_dict(self, *args, **kwargs):
        self.store_weight(self.stored_weight())
        super()._load_from_state_dict(*args, **kwargs)

    def __getstate__(self) -> dict:
        """Copies and pickles hold the weight, never what was packed for this CPU."""
        state = self.__dict__ | {"_packed_from": None}
        state["_buffers"] = self._buffers | {"packed": None}
        if self.is_released:
            state["_parameters"] = self._parameters | {"weight": as_parameter(self.unpacked())}
        return state

    def __setattr__(self, name: str, value):
        if name == "weight" and self.is_released:
            self.stored_weight()  # so that nn.Module judges what is assigned
        super().__setattr__(name, value)

    def current_packed(self) -> Tensor:
        """The packed buffer, made anew if what it was made of was changed since."""
        packed = self.packed
        return packed if packed is not None and (self.is_released or self._is_current()) else self.pack()

    def _is_current(self) -> bool:
        now, then = self._versions(), self._packed_from
        return (
            then is not None
            and len(now) == len(then)
            and all(
                a[0] is b[0] and a[1:] == b[1:] and not a[0].is_inference() for a, b in zip(now, then, strict=True)
            )
        )

    @torch.no_grad()
    def pack(self) -> Tensor:
        """Bring the weight into the order that this CPU reads; returns the packed buffer."""
        versions = self._versions()
        self.packed, self._packed_from = self.make_packed(), versions
        return self.packed

    def release_weight(self) -> None:
        """Drop the weight and keep its packed form only. What was packed with it may not be changed after that."""
        if not self.is_released:
            self.current_packed()
            del self._parameters["weight"]
            self._packed_from = None

    def _versions(self) -> tuple:
        # Inference tensors count no changes: layers that hold some are packed at every call.
        return tuple(
            (t, t.data_ptr(), 0 if t.is_inference() else t._version) for t in self.packed_tensors() if t is not None
        )
