"""Activation functions computed where the layer before them writes its result."""

from torch import nn

from inc_hf.matching.families import FAMILIES
from inc_hf.quantize.nn import BF16Linear, QLinear

# A Linear layer and the activation that follows it, from the module that holds both.
LINEAR_AND_ACTIVATION = tuple(
    dict.fromkeys((f.first[0].rpartition(".")[2], f.activation) for f in FAMILIES.values() if f.activation)
)


def activation_name(module: nn.Module) -> str | None:
    """The name under which the kernels know an activation module, or None."""
    if isinstance(module, nn.GELU):
        return "gelu" if module.approximate == "none" else "gelu_tanh"
    names = {"GELUActivation": "gelu", "ReLU": "relu", "SiLU": "silu", "SiLUActivation": "silu"}
    names |= dict.fromkeys(("NewGELUActivation", "GELUTanh", "PytorchGELUTanh"), "gelu_tanh")
    return names.get(type(module).__name__)


def fuse_activations(model: nn.Module) -> list[str]:
    """Let quantized and BF16 Linear layers apply the activation that follows them, in place; returns their names."""
    fused = []
    for name, module in model.named_modules():
        for linear_name, activation in LINEAR_AND_ACTIVATION:
            linear = getattr(module, linear_name, None)
            if not isinstance(linear, QLinear | BF16Linear):
                continue
            kind = activation_name(getattr(module, activation, None))
            if kind is not None and linear.activation == "none":
                linear.activation = kind
                setattr(module, activation, nn.Identity())
                fused.append(f"{name}.{linear_name}")
    return fused
