"""A quantized Linear on the native kernels: its weight packed for this CPU, in memory only."""

import torch
from torch import Tensor, nn

from inc_hf import ops

FAST_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


class PackedLinear(nn.Module):
    """Keeps the packed form of `weight`, `weight_scale` and `bias` beside or instead of the int8 weight.

    A layer packs itself at its first forward pass and keeps its int8 weight. `release_weight` drops that one: then the
    packed buffer is all there is, and whatever asks for the int8 weight (a state dict, `.weight`, a move to another
    device) gets it back from there, bit for bit, and packing starts anew.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.register_buffer("packed", None, persistent=False)
        self._packed_from: tuple | None = None  # what `packed` was made of
        self.activation = "none"  # applied to the output; see `inc_hf.optimize`

    @property
    def is_released(self) -> bool:
        """Whether the packed buffer is all there is."""
        return "weight" not in self._parameters

    @property
    def codes(self) -> Tensor:
        """The int8 weight."""
        if self.is_released:
            self.set_codes(ops.unpack_linear(self.packed))
        return self._parameters["weight"]

    def set_codes(self, codes: Tensor) -> None:
        """Take `codes` as the integer weight; a parameter, since transformers only ties those."""
        is_parameter = isinstance(codes, nn.Parameter)
        self._parameters["weight"] = codes if is_parameter else nn.Parameter(codes, requires_grad=False)
        self._buffers["packed"] = None

    def __getattr__(self, name: str):
        # Only called for what is not found: the weight, if it was released.
        return self.codes if name == "weight" and "_parameters" in self.__dict__ else super().__getattr__(name)

    def _apply(self, fn, recurse: bool = True):
        self.set_codes(self.codes)
        return super()._apply(fn, recurse)

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        _ = self.codes
        super()._save_to_state_dict(destination, prefix, keep_vars)

    def _load_from_state_dict(self, *args, **kwargs):
        self.set_codes(self.codes)
        super()._load_from_state_dict(*args, **kwargs)

    def runs_native(self, x: Tensor) -> bool:
        """Whether the kernels take this layer and this input: float64 and other devices run the reference."""
        return x.dtype in FAST_DTYPES and x.is_cpu and ops.is_native()

    def native_forward(self, x: Tensor) -> Tensor:
        """The layer on the native kernels."""
        activation = self.scheme.activation
        quantizer = (self.input_scale, self.input_zero_point, activation.num_bits, self.scale_dtype)
        if not torch.compiler.is_compiling():
            return ops.q8_linear_packed(x, self.current_packed(), self.out_features, *quantizer, self.activation)
        if self.packed is not None:
            return ops.q8_linear_packed(x, self.packed, self.out_features, *quantizer, self.activation)
        # Packing while tracing would change the module. This op packs at every call.
        return ops.q8_linear_portable(
            x, self.weight, self.weight_scale, self.bias, *quantizer, activation=self.activation
        )

    def current_packed(self) -> Tensor:
        """The packed buffer, made anew if weight, scale or bias were changed since."""
        if self.is_released or (self.packed is not None and self._packed_from == self._versions()):
            return self.packed
        return self.pack()

    @torch.no_grad()
    def pack(self) -> Tensor:
        """Bring the weight into the order that this CPU reads; returns the packed buffer."""
        bias = None if self.bias is None else self.bias.detach()
        self._packed_from = self._versions()
        self.packed = ops.pack_linear(self.codes.detach(), self.weight_scale, bias)
        return self.packed

    def release_weight(self) -> None:
        """Drop the int8 weight and keep its packed form only. Scale and bias may not be changed after that."""
        if not self.is_released:
            self.current_packed()
            del self._parameters["weight"]

    def _versions(self) -> tuple:
        tensors = (self._parameters["weight"], self.weight_scale, self.bias)
        return tuple((id(t), 0 if t.is_inference() else t._version) for t in tensors if t is not None)
