"""Layers with weights in bfloat16 that compute in float32, on our kernels where there are any."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from inc_hf import ops
from inc_hf.errors import UsageError
from inc_hf.quantize.nn import PackedWeight, op_type
from inc_hf.quantize.resolve import quantizable_names

KINDS = ("Linear", "Conv1D", "Embedding")


class BF16Linear(PackedWeight):
    """`nn.Linear`, or GPT-2's `Conv1D`, with a weight in bfloat16. Inputs and results keep their dtype.

    Args:
        weight (`torch.Tensor` of shape `(out_features, in_features)`): bfloat16; of a `Conv1D`, transposed.
        bias (`nn.Parameter`, *optional*): in float32.
        transposed (`bool`): whether it stands for a `Conv1D`.
    """

    def __init__(self, weight: nn.Parameter, bias: nn.Parameter | None, transposed: bool = False):
        super().__init__()
        self.store_weight(weight)
        self.bias, self.transposed = bias, transposed
        self.out_features, self.in_features = self.matrix.shape
        self.activation = "none"  # applied to the result; see `inc_hf.optimize`

    @property
    def matrix(self) -> Tensor:
        """The weight as `(out_features, in_features)`."""
        return self.weight.t() if self.transposed else self.weight

    def packed_tensors(self) -> tuple[Tensor | None, ...]:
        return self._parameters["weight"], self.bias

    def make_packed(self) -> Tensor:
        return ops.bf16_pack(self.matrix.contiguous(), self.bias)

    def unpacked(self) -> Tensor:
        matrix = ops.bf16_unpack(self.packed)
        return matrix.t().contiguous() if self.transposed else matrix

    def runs_packed(self) -> bool:
        """Whether inputs on the CPU run on the packed weight."""
        weight = self._parameters.get("weight")
        is_packable = weight is None or (weight.is_cpu and weight.dtype == torch.bfloat16)
        return is_packable and ops.is_native()

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_cpu or not self.runs_packed() or self.trains() or self.is_traced_unpacked():
            return ops.bf16_linear(x, self.matrix, self.bias, self.activation)
        packed = self.packed if torch.compiler.is_compiling() else self.current_packed()
        return ops.bf16_linear_packed(x, packed, self.out_features, self.activation)

    def trains(self) -> bool:
        """Whether weight or bias are to get gradients; packed, they get none."""
        return torch.is_grad_enabled() and any(parameter.requires_grad for parameter in self.parameters())

    def is_traced_unpacked(self) -> bool:
        """Whether this is the tracing of a program before a first forward pass, in which packing is no part."""
        return torch.compiler.is_compiling() and self.packed is None

    def extra_repr(self) -> str:
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}, weight=bfloat16"


class BF16Embedding(nn.Module):
    """`nn.Embedding` with a weight in bfloat16 and results in float32."""

    def __init__(self, weight: nn.Parameter, padding_idx: int | None, scale: float = 1.0):
        super().__init__()
        self.weight, self.padding_idx, self.embed_scale = weight, padding_idx, scale
        self.num_embeddings, self.embedding_dim = weight.shape

    def forward(self, ids: Tensor) -> Tensor:
        return nn.functional.embedding(ids, self.weight, self.padding_idx).float() * self.embed_scale

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}, weight=bfloat16"


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
    halves: dict[int, nn.Parameter] = {}
    for name in names:
        module = model.get_submodule(name)
        key = id(module.weight)
        if key not in halves:
            halves[key] = nn.Parameter(module.weight.detach().to(torch.bfloat16), requires_grad=False)
        model.set_submodule(name, _twin(module, known[name], halves[key]))
    return model


def _twin(module: nn.Module, kind: str, weight: nn.Parameter) -> nn.Module:
    if kind == "Embedding":
        twin = BF16Embedding(weight, module.padding_idx, getattr(module, "embed_scale", 1.0))
    else:
        bias = None if module.bias is None else nn.Parameter(module.bias.detach().float(), requires_grad=False)
        twin = BF16Linear(weight, bias, kind == "Conv1D")
    return twin.train(module.training)


def without_bf16(model: nn.Module) -> nn.Module:
    """Float modules with the same values in the places of those with bfloat16, in place."""
    floats: dict[int, nn.Parameter] = {}
    for name, module in bf16_modules(model).items():
        key = id(module.weight)
        if key not in floats:
            floats[key] = nn.Parameter(module.weight.detach().float(), requires_grad=False)
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
