"""What the quantized modules have in common.

Each stores int8 codes, which a state dict has as `weight`, float32 `weight_scale` and, for static activations,
`input_scale` and `input_zero_point` under the names and shapes of compressed-tensors, so that a state dict is a
checkpoint.
"""

import torch
from torch import Tensor

from inc_hf import ops
from inc_hf.quantize.functional import dequantize_weight
from inc_hf.quantize.nn.float_view import Tensors
from inc_hf.quantize.nn.stored_weight import StoredWeight
from inc_hf.quantize.scheme import Scheme

# What a layer runs on that has no kernel of ours.
IN_PLAIN_TORCH, WEIGHTS_ONLY = "INT8 in plain torch", "float, from integer weights"


def float_of_codes(tensors: Tensors, dtype: torch.dtype) -> Tensor:
    """The weight that the codes among the buffers of a module stand for."""
    codes, smooth_scale = tensors["stored"], tensors.get("smooth_scale")
    if codes is None:
        codes = ops.q8_unpack(tensors["packed"])
    scale, zero_point = tensors["weight_scale"], tensors.get("weight_zero_point")
    if smooth_scale is None:
        return dequantize_weight(codes, scale, dtype, zero_point)
    return (dequantize_weight(codes, scale, zero_point=zero_point) / smooth_scale).to(dtype)


class QModule(StoredWeight):
    """Integer weight of shape `(out, ...)`, its scale, and the static parameters of the activations."""

    read_weight = staticmethod(float_of_codes)

    def __init__(self, scheme: Scheme, weight_shape: tuple[int, ...], dtype: torch.dtype = torch.float32):
        super().__init__(dtype)
        self.scheme = scheme
        groups = scheme.weight.groups_of(weight_shape[1])
        scale_shape = (weight_shape[0], groups) if scheme.weight.per_channel else (1,)
        self.set_codes(torch.zeros(weight_shape, dtype=torch.int8))
        self.register_buffer("weight_scale", torch.ones(scale_shape, dtype=torch.float32))
        zero_point = None if scheme.weight.symmetric else torch.zeros(scale_shape, dtype=torch.int8)
        self.register_buffer("weight_zero_point", zero_point)
        self.register_buffer("input_scale", torch.ones(1, dtype=torch.float32) if scheme.is_static else None)
        has_zero_point = scheme.is_static and not scheme.activation.symmetric
        self.register_buffer("input_zero_point", torch.zeros(1, dtype=torch.int8) if has_zero_point else None)

    @property
    def codes(self) -> Tensor:
        """The int8 weight."""
        return self.stored_weight()

    def set_codes(self, codes: Tensor) -> None:
        """Take `codes` as the integer weight."""
        self.store_weight(codes)

    @property
    def scale_dtype(self) -> torch.dtype:
        """Precision of the dynamic scales of the activations."""
        return getattr(torch, self.scheme.activation.scale_dtype)

    def dequantize(self) -> Tensor:
        """The float weight that the kernels multiply with, in the dtype of the module that was quantized."""
        return dequantize_weight(self.codes, self.weight_scale, self.dtype, self.weight_zero_point)

    def refuse_training(self, x: Tensor) -> None:
        """Raise RuntimeError if this is training, of which the integers would know nothing."""
        if self.training and self.scheme.activation is not None and x.requires_grad and torch.is_grad_enabled():
            raise RuntimeError(
                "A quantized model is for inference: call `model.eval()`, and train the float model before quantizing."
            )

    def describe_scheme(self) -> str:
        """E.g. `W7A8 dynamic`."""
        weight = f"W{self.scheme.weight.num_bits}{'' if self.scheme.weight.symmetric else ' asymmetric'}"
        if self.scheme.weight.group_size != -1:
            weight += f" in groups of {self.scheme.weight.group_size}"
        activation = self.scheme.activation
        if activation is None:
            return weight
        kind = "dynamic" if activation.dynamic else "static" if activation.symmetric else "static asymmetric"
        return f"{weight}A{activation.num_bits} {kind}"
