"""What runs a module that holds weights, and why nothing faster does, in words."""

from torch import nn

from inc_hf import ops
from inc_hf.inference.fuse import FUSED
from inc_hf.inference.layers import IN_FLOAT, is_layer, kernel_of
from inc_hf.quantize.nn import BF16Embedding, BF16Linear, PackedWeight, QConv, QEmbedding, QLinear, StoredWeight


def holds_weights(module: nn.Module) -> bool:
    """Whether it has weights itself, not in one of its children."""
    return isinstance(module, StoredWeight) or next(module.parameters(recurse=False), None) is not None


def runs_on(module: nn.Module) -> str:
    """The kernel of a module that is called by itself."""
    if isinstance(module, QEmbedding | BF16Embedding):
        return f"torch, rows in {'INT8' if isinstance(module, QEmbedding) else 'bfloat16'}"
    kernel = kernel_of(module) if is_layer(module) else IN_FLOAT
    return f"torch, {dtype_of(module)}" if kernel == IN_FLOAT else kernel


def dtype_of(module: nn.Module) -> str:
    return str(next(module.parameters(recurse=False)).dtype).removeprefix("torch.")


def why_not_faster(module: nn.Module, parent: nn.Module | None, left: str) -> str:
    """Why a module that is called by itself does no better; "" if there is nothing better.

    Args:
        parent: the module that it is a child of.
        left (`str`): what a layer in float is: "not quantized", or "kept in float" in a model that is quantized.
    """
    if isinstance(module, QConv):
        return "there is no kernel for convolutions"
    if isinstance(module, QLinear) and module.scheme.activation is None:
        return "its inputs are not quantized"
    if isinstance(module, QLinear) and not module.scheme.weight.is_plain:
        return "there is no kernel for weights in groups or with zero points"
    if isinstance(module, PackedWeight) and not module.is_released and not module.runs_packed():
        return "there are no kernels" if not ops.is_native() else "its weight is not on the CPU"
    if isinstance(module, QLinear | BF16Linear):
        return unfused_after(module, parent)
    return left if is_layer(module) or isinstance(module, nn.Embedding) else ""


def unfused_after(module: QLinear | BF16Linear, parent: nn.Module | None) -> str:
    """That torch computes the activation function behind a layer, if it does."""
    for ending, linear, activation in FUSED:
        after = getattr(parent, activation, None)
        if type(parent).__name__.endswith(ending) and getattr(parent, linear, None) is module:
            is_done = module.activation != "none" or after is None or isinstance(after, nn.Identity)
            return "" if is_done else f"{type(after).__name__} behind it is computed by torch"
    return ""
