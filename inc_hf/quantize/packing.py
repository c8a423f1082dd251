"""A quantized Linear on the native kernels: its weight packed for this CPU, in memory only."""

import torch
from torch import Tensor, nn

from inc_hf import ops

SHARING_PAYS_FROM = 1 << 14  # elements of an input that are worth one more call to quantize them apart
FAST_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


class PackedLinear(nn.Module):
    """Keeps the packed form of `weight`, `weight_scale` and `bias` beside or instead of the int8 weight.

    A layer packs itself at its first forward pass and keeps its int8 weight; it notices when weight, scale or bias are
    replaced or changed in place, except through `.data`, and except in a compiled program. `release_weight` drops that
    one: then the packed buffer is all there is, and whatever asks for the int8 weight (a state dict, `.weight`, a move
    to another device) gets it back from there, bit for bit, and packing starts anew.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.register_buffer("packed", None, persistent=False)
        self._packed_from: tuple | None = None  # what `packed` was made of
        self.activation = "none"  # applied to the output; see `inc_hf.optimize`
        self.shared_input = None  # a `SharedInput` that quantizes for several layers

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
        self.shared_input = None  # the others may not get the same scale
        super()._load_from_state_dict(*args, **kwargs)

    def __getstate__(self) -> dict:
        """Copies and pickles hold the int8 weight, never what was packed for this CPU."""
        state = self.__dict__ | {"_packed_from": None}
        state["_buffers"] = self._buffers | {"packed": None}
        if self.is_released:
            weight = nn.Parameter(ops.unpack_linear(self.packed), requires_grad=False)
            state["_parameters"] = self._parameters | {"weight": weight}
        return state

    def __setattr__(self, name: str, value):
        if name == "weight" and self.is_released:
            self.set_codes(self.codes)  # so that nn.Module judges what is assigned
        super().__setattr__(name, value)

    def runs_native(self, x: Tensor) -> bool:
        """Whether the kernels take this layer and this input: float64 and other devices run the reference."""
        return x.dtype in FAST_DTYPES and x.is_cpu and ops.is_native()

    def runs_packed(self) -> bool:
        """Whether float32 inputs on the CPU would run on the packed weight."""
        return self.scheme.activation is not None and self._parameters["weight"].is_cpu and ops.is_native()

    def native_forward(self, x: Tensor) -> Tensor:
        """The layer on the native kernels."""
        activation = self.scheme.activation
        scale = None if self.input_scale is None else self.input_scale.float()
        quantizer = (scale, self.input_zero_point, activation.num_bits, self.scale_dtype)
        if self.shares(x):
            return self.shared_forward(x, quantizer)
        if not torch.compiler.is_compiling():
            return ops.q8_linear_packed(x, self.current_packed(), self.out_features, *quantizer, self.activation)
        if self.packed is not None:
            return ops.q8_linear_packed(x, self.packed, self.out_features, *quantizer, self.activation)
        # Packing while tracing would change the module. This op packs at every call.
        return ops.q8_linear_portable(
            x, self.weight, self.weight_scale.float(), self.bias, *quantizer, activation=self.activation
        )

    def shares(self, x: Tensor) -> bool:
        """Whether `x` is to be quantized for several layers at once."""
        # A traced program cannot keep the codes between two layers, and inductor does not merge equal calls of ops.
        if self.shared_input is None or torch.compiler.is_compiling():
            return False
        return x.numel() >= SHARING_PAYS_FROM

    def shared_forward(self, x: Tensor, quantizer: tuple) -> Tensor:
        """The layer on codes that others use, too."""
        codes, scales = self.shared_input.quantize(x, *quantizer)
        zero_point = 0 if self.input_zero_point is None else int(self.input_zero_point)
        y = ops.matmul(codes, scales, self.current_packed(), self.out_features, zero_point, self.activation)
        return y.to(x.dtype)

    def current_packed(self) -> Tensor:
        """The packed buffer, made anew if weight, scale or bias were changed since."""
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
        bias = None if self.bias is None else self.bias.detach()
        versions = self._versions()
        packed = ops.pack_linear(self.codes.detach(), self.weight_scale.float(), bias)
        self.packed, self._packed_from = packed, versions
        return packed

    def release_weight(self) -> None:
        """Drop the int8 weight and keep its packed form only. Scale and bias may not be changed after that."""
        if not self.is_released:
            self.current_packed()
            del self._parameters["weight"]
            self._packed_from = None

    def _versions(self) -> tuple:
        # Inference tensors count no changes: layers that hold some are packed at every call.
        tensors = (self._parameters["weight"], self.weight_scale, self.bias)
        return tuple((t, t.data_ptr(), 0 if t.is_inference() else t._version) for t in tensors if t is not None)
