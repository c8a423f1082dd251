"""Activation functions computed where the layer before them writes its result."""

from torch import nn

from inc_hf.matching.families import FAMILIES
from inc_hf.quantize.nn import BF16Linear, QLinear

# The ending of a class, its Linear layer, and the activation that follows it.
FUSED = tuple(
    dict.fromkeys((f.fused_in, f.first[0].rpartition(".")[2], f.activation) for f in FAMILIES.values() if f.fused_in)
)


def activation_name(module: nn.Module) -> str | None:
    """The name under which the kernels know an activation module, or None."""
    if isinstance(module, nn.GELU):
        return "gelu" if module.approximate == "none" else "gelu_tanh"
    names = {"GELUActivation": "gelu", "ReLU": "relu", "SiLU": "silu", "SiLUActivation": "silu"}
    names |= {"QuickGELUActivation": "quick_gelu"}
    names |= dict.fromkeys(("NewGELUActivation", "GELUTanh", "PytorchGELUTanh"), "gelu_tanh")
    return names.get(type(module).__name__)


def fuse_activations(model: nn.Module) -> list[str]:
    """Let quantized and BF16 Linear layers apply the activation that follows them, in place; returns their names."""
    fused = []
    for name, module in model.named_modules():
        for ending, linear_name, activation in FUSED:
            linear = getattr(module, linear_name, None)
            if not type(module).__name__.endswith(ending) or not isinstance(linear, QLinear | BF16Linear):
                continue
            kind = activation_name(getattr(module, activation, None))
            if kind is not None and linear.activation == "none":
                linear.activation = kind
                setattr(module, activation, nn.Identity())
                fused.append(f"{name}.{linear_name}")
    return fused
