"""A Linear with a weight in bfloat16, on our kernels where there are any."""

import torch
from torch import Tensor, nn

from inc_hf import ops
from inc_hf.quantize.nn.float_view import Tensors
from inc_hf.quantize.nn.packed_weight import PackedWeight


def float_of_halves(tensors: Tensors, dtype: torch.dtype) -> Tensor:
    """The weight among the buffers of a Linear or an Embedding."""
    stored = tensors["stored"]
    return (ops.bf16_unpack(tensors["packed"]) if stored is None else stored).to(dtype)


def float_of_transposed(tensors: Tensors, dtype: torch.dtype) -> Tensor:
    """The weight among the buffers of a `Conv1D`."""
    stored = tensors["stored"]
    return (ops.bf16_unpack(tensors["packed"]).t().contiguous() if stored is None else stored).to(dtype)


class BF16Linear(PackedWeight):
    """`nn.Linear`, or GPT-2's `Conv1D`, with a weight stored in bfloat16. Inputs and results keep their dtype.

    Args:
        weight (`torch.Tensor` of shape `(out_features, in_features)`): bfloat16; of a `Conv1D`, transposed.
        bias (`nn.Parameter`, *optional*): in float32.
        transposed (`bool`): whether it stands for a `Conv1D`.
    """

    def __init__(self, weight: nn.Parameter, bias: nn.Parameter | None, transposed: bool = False):
        super().__init__()
        self.read_weight = float_of_transposed if transposed else float_of_halves
        self.store_weight(weight)
        self.bias, self.transposed = bias, transposed
        self.out_features, self.in_features = self.matrix.shape
        self.activation = "none"  # applied to the result; see `inc_hf.optimize`

    @property
    def matrix(self) -> Tensor:
        """The weight as `(out_features, in_features)`."""
        weight = self.stored_weight()
        return weight.t() if self.transposed else weight

    def packed_tensors(self) -> tuple[Tensor | None, ...]:
        return self._buffers["stored"], self.bias

    def make_packed(self) -> Tensor:
        return ops.bf16_pack(self.matrix.contiguous(), self.bias)

    def unpacked(self) -> Tensor:
        matrix = ops.bf16_unpack(self.packed)
        return matrix.t().contiguous() if self.transposed else matrix

    def runs_packed(self) -> bool:
        """Whether inputs on the CPU run on the packed weight."""
        weight = self._buffers["stored"]
        is_packable = weight is None or (weight.is_cpu and weight.dtype == torch.bfloat16)
        return is_packable and ops.is_native()

    def kernel(self) -> str:
        """What multiplies on this machine."""
        return "BF16" if self.runs_packed() else "BF16 in plain torch"

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_cpu or not self.runs_packed() or self.trains() or self.is_traced_unpacked():
            return ops.bf16_linear(x, self.matrix, self.bias, self.activation)
        packed = self.packed if torch.compiler.is_compiling() else self.current_packed()
        return ops.bf16_linear_packed(x, packed, self.out_features, self.activation)

    def trains(self) -> bool:
        """Whether the bias is to get gradients; packed, it gets none."""
        return torch.is_grad_enabled() and self.bias is not None and self.bias.requires_grad

    def is_traced_unpacked(self) -> bool:
        """Whether this is the tracing of a program before a first forward pass, in which packing is no part."""
        return torch.compiler.is_compiling() and self.packed is None

    def extra_repr(self) -> str:
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}, weight=bfloat16"
