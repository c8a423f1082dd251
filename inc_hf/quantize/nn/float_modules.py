"""What kind of module a float one is, as far as it can be quantized, and how its weight lies."""

from torch import Tensor, nn

SAME_AS_BASE = ("FalconLinear",)  # have a forward of their own that computes the same


def op_type(module: nn.Module) -> str | None:
    """The name by which configs know a module that can be quantized, or None.

    Subclasses count if they keep the forward of their base. `nn.MultiheadAttention` multiplies by the weight of its
    `out_proj` itself, so that this layer stays in float.
    """
    if isinstance(module, nn.modules.linear.NonDynamicallyQuantizableLinear):
        return None
    if type(module).__name__.endswith("ScaledWordEmbedding") and isinstance(module.embed_scale, float):
        return "Embedding"
    for cls in (nn.Linear, nn.Embedding, nn.Conv1d, nn.Conv2d):
        if isinstance(module, cls):
            return cls.__name__ if _computes_as(cls, module) and _is_supported(module) else None
    is_conv1d = type(module).__name__ == "Conv1D" and type(module).__module__.startswith("transformers.")
    return "Conv1D" if is_conv1d else None


def _computes_as(cls: type, module: nn.Module) -> bool:
    """Whether a module of a subclass computes what the class does."""
    if type(module).__name__ in SAME_AS_BASE:
        return True
    methods = ("forward", "__call__", *(["_conv_forward"] if issubclass(cls, nn.modules.conv._ConvNd) else []))
    return all(getattr(type(module), name) is getattr(cls, name) for name in methods)


def _is_supported(module: nn.Module) -> bool:
    if isinstance(module, nn.Embedding):
        return module.max_norm is None and not module.sparse
    return getattr(module, "padding_mode", "zeros") == "zeros"


def weight_owner(module: nn.Module) -> int:
    """What tells whether two modules share their weight; one that is computed anew (weight norm) is not shared."""
    weight = module._parameters.get("weight")
    return id(module) if weight is None else id(weight)


def weight_matrix(module: nn.Module) -> Tensor:
    """The float weight with the output channels first (`transformers.Conv1D` has them last)."""
    return module.weight.T if op_type(module) == "Conv1D" else module.weight
