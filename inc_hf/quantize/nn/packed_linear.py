"""A quantized Linear on the native kernels."""

import torch
from torch import Tensor

from inc_hf import ops
from inc_hf.quantize.nn.packed_weight import PackedWeight
from inc_hf.quantize.nn.qmodule import IN_PLAIN_TORCH, WEIGHTS_ONLY

SHARING_PAYS_FROM = 1 << 14  # elements of an input that are worth one more call to quantize them apart
FAST_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


class PackedLinear(PackedWeight):
    """Runs a quantized Linear on its packed weight, with scale and bias in the same buffer."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.activation = "none"  # applied to the output; see `inc_hf.optimize`
        self.shared_input = None  # a `SharedInput` that quantizes for several layers

    def packed_tensors(self) -> tuple[Tensor | None, ...]:
        return self._buffers["stored"], self.weight_scale, self.bias

    def make_packed(self) -> Tensor:
        bias = None if self.bias is None else self.bias.detach()
        return ops.q8_pack(self.codes.detach(), self.weight_scale.float(), bias)

    def unpacked(self) -> Tensor:
        return ops.q8_unpack(self.packed)

    def _load_from_state_dict(self, *args, **kwargs):
        self.shared_input = None  # the others may not get the same scale
        super()._load_from_state_dict(*args, **kwargs)

    def runs_native(self, x: Tensor) -> bool:
        """Whether the kernels take this layer and this input: float64 and other devices run the reference."""
        return self.scheme.weight.is_plain and x.dtype in FAST_DTYPES and x.is_cpu and ops.is_native()

    def runs_packed(self) -> bool:
        """Whether float32 inputs on the CPU would run on the packed weight."""
        is_known = self.scheme.activation is not None and self.scheme.weight.is_plain
        return is_known and self._buffers["stored"].is_cpu and ops.is_native()

    def kernel(self) -> str:
        """What multiplies on this machine once the weight is packed, such as `INT8 4x1 sparse`."""
        if self.scheme.activation is None:
            return WEIGHTS_ONLY
        if not self.is_released and not self.runs_packed():
            return IN_PLAIN_TORCH
        kind = ops.q8_describe(self.packed if self.is_released else self.make_packed())
        return "INT8 4x1 sparse" if kind.endswith("sparse") else "INT8 dense"

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
            x, self.codes, self.weight_scale.float(), self.bias, *quantizer, activation=self.activation
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
        y = ops.q8_matmul(codes, scales, self.current_packed(), self.out_features, zero_point, self.activation)
        return y.to(x.dtype)
