"""What makes a quantized model faster and smaller once nothing will change it any more."""

from collections import Counter

from torch import nn

from inc_hf import ops
from inc_hf.quantize.nn import BF16Linear, PackedWeight, QLinear

# Children of a module whose forward is `self.activation(self.linear(x))`, and nothing else uses either of the two.
LINEAR_AND_ACTIVATION = {
    "Intermediate": ("dense", "intermediate_act_fn"),  # BERT and those made after it: RoBERTa, ELECTRA, MPNet, ViT
    "FFN": ("lin1", "activation"),  # DistilBERT
    "AlbertLayer": ("ffn", "activation"),
}


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
        for suffix, (linear_name, activation) in LINEAR_AND_ACTIVATION.items():
            linear = getattr(module, linear_name, None)
            if not type(module).__name__.endswith(suffix) or not isinstance(linear, QLinear | BF16Linear):
                continue
            kind = activation_name(getattr(module, activation, None))
            if kind is not None and linear.activation == "none":
                linear.activation = kind
                setattr(module, activation, nn.Identity())
                fused.append(f"{name}.{linear_name}")
    return fused


def release_weights(model: nn.Module) -> None:
    """Pack all quantized and BF16 Linear layers for this CPU and drop the weights they were made of, in place.

    Weights that other modules share stay: those modules read them as they are.
    """
    if not ops.is_native():
        return
    owners = Counter(p.data_ptr() for module in model.modules() for p in module._parameters.values() if p is not None)
    for module in model.modules():
        if isinstance(module, PackedWeight) and not module.is_released and module.runs_packed():
            module.pack()
            if owners[module.weight.data_ptr()] == 1:
                module.release_weight()
