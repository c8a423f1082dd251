"""Checks of a loaded checkpoint: a wrong tensor is an error, not a wrong prediction."""

import torch
from torch import Tensor, nn

from inc_hf.errors import UsageError
from inc_hf.ops import activation_range, weight_qmax
from inc_hf.quantize.nn import QModule, quantized_modules


class CheckpointError(UsageError):
    """A quantized checkpoint is truncated, tampered with, or does not belong to its config."""


def check_loaded(model: nn.Module) -> None:
    """Check that `from_pretrained` has found every tensor of every quantized module.

    Raises:
        CheckpointError: a tensor is missing or has another shape, so that its memory holds anything.
    """
    for name, module in quantized_modules(model).items():
        for key, tensor in (module._parameters | module._buffers).items():
            # transformers marks what it has read, and by that what is left to initialize
            is_loaded = tensor is None or tensor.device.type == "meta" or getattr(tensor, "_is_hf_initialized", False)
            if not is_loaded:
                raise CheckpointError(f"`{name}.{key}` is missing from the checkpoint, or has another shape there.")


def validate_model(model: nn.Module) -> None:
    """Check the tensors of every quantized module.

    Raises:
        CheckpointError: a weight is not int8, a scale is not finite and positive, or an integer lies outside of the
            range of its bits.
    """
    for name, module in quantized_modules(model).items():
        if module.codes.device.type != "meta":
            validate_module(name, module)


def check_scale(name: str, scale: Tensor) -> None:
    """Raise CheckpointError, which names it, unless all values are positive, finite and not denormal."""
    if not bool((scale.isfinite() & (scale > 0)).all()):
        raise CheckpointError(f"`{name}` has values that are not positive and finite: the file is damaged.")
    if bool((scale.float() < torch.finfo(torch.float32).tiny).any()):
        raise CheckpointError(f"`{name}` has denormal values, too small for a scale: the file is damaged.")


def validate_module(name: str, module: QModule) -> None:
    """Check the tensors of one, which `name` tells to the user; raises as `validate_model` does."""
    for key, tensor in (
        ("weight", module.codes),
        ("weight_zero_point", module.weight_zero_point),
        ("input_zero_point", module.input_zero_point),
    ):
        if tensor is not None and tensor.dtype != torch.int8:
            raise CheckpointError(f"`{name}.{key}` is {tensor.dtype} instead of int8.")
    for key in ("weight_scale", "input_scale", "smooth_scale"):
        if (scale := module._buffers.get(key)) is not None:
            check_scale(f"{name}.{key}", scale)
    num_bits = module.scheme.weight.num_bits
    # compressed-tensors allows the most negative integer, -128 for 8 bits, though we never write it
    smallest, largest = -weight_qmax(num_bits) - 1, weight_qmax(num_bits)
    for key, tensor in (("weight", module.codes), ("weight_zero_point", module.weight_zero_point)):
        if tensor is not None and tensor.numel() and not smallest <= int(tensor.min()) <= int(tensor.max()) <= largest:
            raise CheckpointError(f"`{name}.{key}` has integers outside of its {num_bits} bits: the file is damaged.")
    activation = module.scheme.activation
    if module.input_zero_point is not None:
        qmin, qmax = activation_range(activation.num_bits)
        if not qmin <= int(module.input_zero_point) <= qmax:
            raise CheckpointError(f"`{name}.input_zero_point` lies outside of {activation.num_bits} bits.")
