"""Which norms can take the factors of the layers that read them: those of pre-norm blocks. Those of post-norm ones are
read by the residual, too."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from inc_hf.matching.blocks import block_of
from inc_hf.quantize.probe import first_input
from inc_hf.quantize.workflow import evaluating, run

SAME = 1e-4  # of the largest output of a norm


class Reads(TorchFunctionMode):
    """Inside the block, sees which planned modules read the output of which norm, and what else does.

    Every function of torch is looked at, so that an addition to the residual is seen, which no module does.
    """

    def __init__(self, norms: Mapping[str, nn.Module], planned: Mapping[str, nn.Module]):
        super().__init__()
        self.inside: list[str] = []
        self.outputs: dict[str, Tensor] = {}
        self.inputs: dict[str, Tensor] = {}
        self.readers: dict[str, list[str]] = {}
        self.spoilt: set[str] = set()  # norms that something else reads, or that are called twice
        self.handles = []
        for name, norm in norms.items():
            self.handles.append(norm.register_forward_hook(self._norm_hook(name), with_kwargs=True))
        for name, module in planned.items():
            self.handles.append(module.register_forward_pre_hook(lambda *_, n=name: self.inside.append(n)))
            self.handles.append(module.register_forward_hook(lambda *_: self.inside.pop() and None, always_call=True))

    def _norm_hook(self, name: str) -> Any:
        def hook(module: nn.Module, args: tuple, kwargs: dict, output: Any) -> None:
            if name in self.outputs or not isinstance(output, Tensor):
                self.spoilt.add(name)
            self.outputs[name], self.inputs[name] = output, first_input(args, kwargs)

        return hook

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        result = func(*args, **(kwargs or {}))
        read = {id(each) for each in pytree.tree_leaves((args, kwargs)) if isinstance(each, Tensor)}
        gives = any(isinstance(each, Tensor) for each in pytree.tree_leaves(result))  # not `x.shape` and the like
        for name, output in self.outputs.items() if gives else ():
            if id(output) in read:
                if self.inside:
                    self.readers.setdefault(name, []).append(self.inside[-1])
                else:
                    self.spoilt.add(name)
        return result

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for handle in self.handles:
            handle.remove()


def find_norm_folds(
    model: nn.Module, planned: Mapping[str, nn.Module], batch: Any
) -> Iterator[tuple[nn.Module, list[nn.Module], Tensor]]:
    """Each norm of a block whose output only smoothed layers of that block read, these, and their factors.

    Args:
        planned: name -> module of all that is prepared, its factors chosen; their hooks are gone.
    """
    smoothed = {name: m for name, m in planned.items() if m.quantization_plan.factors is not None}
    norms = {name: m for name, m in model.named_modules() if _is_norm(m) and block_of(model, name)[0] is not None}
    owners = [id(p) for module in model.modules() for p in module._parameters.values() if p is not None]
    with evaluating(model), Reads(norms, smoothed) as reads:
        run(model, batch)
    for name, readers in reads.readers.items():
        norm, names = norms[name], set(readers)
        is_shared = any(owners.count(id(p)) > 1 for p in norm.parameters(recurse=False))
        if name in reads.spoilt or is_shared or {block_of(model, n) for n in names} != {block_of(model, name)}:
            continue
        factors = [smoothed[n].quantization_plan.factors for n in names]
        if all(torch.equal(each, factors[0]) for each in factors[1:]) and _divides(norm, factors[0], reads, name):
            yield norm, [smoothed[n] for n in names], factors[0]


def _is_norm(module: nn.Module) -> bool:
    kind = type(module).__name__
    weight = module._parameters.get("weight")
    return (kind.endswith("RMSNorm") or kind.endswith("LayerNorm")) and weight is not None and weight.ndim == 1


def divided(norm: nn.Module, factors: Tensor) -> dict[str, Tensor]:
    """The parameters of a norm, divided by factors of its channels."""
    own = dict(norm.named_parameters(recurse=False))
    return {name: (p.detach().float() / factors).to(p.dtype) for name, p in own.items()}


def _divides(norm: nn.Module, factors: Tensor, reads: Reads, name: str) -> bool:
    """Whether the norm with these parameters gives its output divided by the factors; that of Gemma does not."""
    expected = reads.outputs[name]
    if any(p.shape != factors.shape for p in norm.parameters(recurse=False)) or expected.shape[-1] != len(factors):
        return False
    found = torch.func.functional_call(norm, divided(norm, factors), (reads.inputs[name],)) * factors
    return bool((found - expected).abs().max() <= SAME * expected.abs().max())
