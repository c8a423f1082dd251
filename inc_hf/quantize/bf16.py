"""Which layers of a model have their weights in bfloat16: found, put in, and taken out again."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from inc_hf import ops
from inc_hf.errors import UsageError
from inc_hf.quantize.nn import BF16Embedding, BF16Linear, StoredWeight, copy_attributes, op_type, weight_owner
from inc_hf.quantize.resolve import quantizable_names

KINDS = ("Linear", "Conv1D", "Embedding")


def bf16_modules(model: nn.Module) -> dict[str, BF16Linear | BF16Embedding]:
    """Name -> module, of all that have a weight in bfloat16 and compute in float32."""
    kinds = BF16Linear | BF16Embedding
    return {name: m for name, m in model.named_modules(remove_duplicate=False) if isinstance(m, kinds)}


def candidates_of(model: nn.Module) -> dict[str, str]:
    """Name -> type, of the modules that can have weights in bfloat16."""
    kinds = {name: op_type(model.get_submodule(name)) for name in quantizable_names(model)}
    return {name: kind for name, kind in kinds.items() if kind in KINDS}


def use_bf16(model: nn.Module, names: Iterable[str]) -> nn.Module:
    """Put modules with weights in bfloat16 in the places of these, in place. What shares a weight still shares it.

    Raises:
        ValueError: there is no such module, or it is of a type that stays in float32.
    """
    known = candidates_of(model)
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"The model has no layers {', '.join(unknown[:5])} that could have weights in bfloat16.")
    first: dict[int, StoredWeight] = {}
    for name in names:
        module = model.get_submodule(name)
        key = weight_owner(module)
        if key in first:
            twin = _twin(module, known[name], first[key].stored_weight())
            twin.share_weight(first[key])
        else:
            half = nn.Parameter(module.weight.detach().to(torch.bfloat16), requires_grad=False)
            twin = first[key] = _twin(module, known[name], half)
        model.set_submodule(name, twin)
    return model


def _twin(module: nn.Module, kind: str, weight: nn.Parameter) -> nn.Module:
    if kind == "Embedding":
        twin = BF16Embedding(weight, module.padding_idx, getattr(module, "embed_scale", 1.0))
    else:
        bias = None if module.bias is None else nn.Parameter(module.bias.detach().float(), requires_grad=False)
        twin = BF16Linear(weight, bias, kind == "Conv1D")
    return copy_attributes(module, twin).train(module.training)


def without_bf16(model: nn.Module) -> nn.Module:
    """Float modules with the same values in the places of those with bfloat16, in place."""
    floats: dict[int, nn.Parameter] = {}
    for name, module in bf16_modules(model).items():
        key = id(module.stored_weight())
        if key not in floats:
            floats[key] = nn.Parameter(module.weight.clone(), requires_grad=False)
        model.set_submodule(name, _FloatTwin(module, floats[key]).eval())
    return model


class _FloatTwin(nn.Module):
    """Computes what a module with bfloat16 does, on the same values in float32."""

    def __init__(self, module: BF16Linear | BF16Embedding, weight: nn.Parameter):
        super().__init__()
        self.weight, self.bias = weight, getattr(module, "bias", None)
        self.transposed = getattr(module, "transposed", None)
        self.activation, self.scale = getattr(module, "activation", "none"), getattr(module, "embed_scale", 1.0)

    def forward(self, x: Tensor) -> Tensor:
        if self.transposed is None:
            return nn.functional.embedding(x, self.weight) * self.scale
        y = nn.functional.linear(x, self.weight.t() if self.transposed else self.weight, self.bias)
        return ops.ACTIVATIONS[self.activation](y)
