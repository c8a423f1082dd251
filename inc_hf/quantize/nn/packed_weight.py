"""A weight in the order that the kernels of this CPU read, in memory only, beside or instead of the stored one."""

import torch
from torch import Tensor

from inc_hf.quantize.nn.stored_weight import StoredWeight


class PackedWeight(StoredWeight):
    """Keeps the packed form of `weight`, and of what is packed with it, beside or instead of the weight itself.

    A layer packs itself at its first forward pass and keeps its weight; it notices when a tensor that was packed is
    replaced or changed in place, except through `.data`, and except in a compiled program. `release_weight` drops the
    stored weight: then the packed buffer is all there is. Reading `.weight` unpacks it for that moment; what asks for
    the stored one (a state dict, a move to another device) gets it back, bit for bit, and packing starts anew.

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
        return self._buffers["stored"] is None and self._buffers["packed"] is not None

    def stored_weight(self) -> Tensor:
        """The weight as it is stored; that of a released layer is unpacked, and stays."""
        if self.is_released:
            self._buffers["stored"] = self.unpacked()
            self._buffers["packed"] = None
        return self._buffers["stored"]

    def store_weight(self, stored: Tensor) -> None:
        self._buffers["packed"] = None
        super().store_weight(stored)

    def drop_packed(self) -> None:
        """Keep what is stored only."""
        self.stored_weight()
        self._buffers["packed"] = None

    def _apply(self, fn, recurse: bool = True):
        self.drop_packed()
        return super()._apply(fn, recurse)

    def _load_from_state_dict(self, *args, **kwargs):
        self.drop_packed()
        super()._load_from_state_dict(*args, **kwargs)

    def __getstate__(self) -> dict:
        """Copies and pickles hold what is stored, never what was packed for this CPU."""
        state = super().__getstate__() | {"_packed_from": None}
        state["_buffers"] = self._buffers | {"packed": None}
        if self.is_released:
            state["_buffers"]["stored"] = self.unpacked()
        return state

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
            self._buffers["stored"] = None
            self._packed_from = None

    def _versions(self) -> tuple:
        # Inference tensors count no changes: layers that hold some are packed at every call.
        return tuple(
            (t, t.data_ptr(), 0 if t.is_inference() else t._version) for t in self.packed_tensors() if t is not None
        )
