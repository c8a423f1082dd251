"""What runs all layers of an encoder on the rows of real tokens, and whether it still is that of the model."""

from abc import ABC, abstractmethod
from itertools import chain

from torch import Tensor, nn

from inc_hf import ops
from inc_hf.inference.encoder.family import Family, LayerModules, Unfit
from inc_hf.inference.encoder.parts import encoder_of, packed_product
from inc_hf.ops.encoder import encoder
from inc_hf.ops.encoder_plan import encoder_plan


class Prepared(ABC):
    """The layers of a model, looked at once."""

    def __init__(self, model: nn.Module, layers: list[LayerModules]):
        self.computed = {module for layer in layers for module in layer.with_weights()}
        inner = inner_modules(model)
        self.hooks = [hooks for module in inner for hooks in hooks_of(module)]
        self.children = [module._modules for module in (model, *inner) if module._modules]
        self.modules = self.modules_now()

    def is_current(self) -> bool:
        """Whether it computes what the modules would. Called before each forward."""
        return self.modules_now() == self.modules and self.has_same_weights()

    def modules_now(self) -> list[nn.Module | None]:
        """All modules within, of which one may have been exchanged: by an adapter of peft, for example."""
        return list(chain.from_iterable(map(dict.values, self.children)))

    @abstractmethod
    def has_same_weights(self) -> bool:
        """Whether no weight was changed, unpacked or replaced."""

    @abstractmethod
    def run(self, x: Tensor, cu_seqlens: Tensor, every_layer: bool) -> Tensor:
        """As [`inc_hf.ops.encoder.encoder`]."""

    def has_hooks(self) -> bool:
        """Whether somebody listens within the encoder, other than transformers, which collects hidden states."""
        return any(not is_of_transformers(hook) for hooks in self.hooks if hooks for hook in hooks.values())

    def needs_gradients(self) -> bool:
        return any(p.requires_grad for module in self.computed for p in module.parameters(recurse=False))


class InOneCall(Prepared):
    """Copies the packed weights of a model into one buffer; the modules get views of it instead of their own.

    Raises:
        Unfit: a module is not what the native encoder computes.
    """

    def __init__(self, model: nn.Module, family: Family, attention: str):
        if not ops.is_native():
            raise Unfit("there are no kernels")
        layers = family.layers(model)
        parts = encoder_of(model, family, layers, attention, packed_product)
        super().__init__(model, layers)
        self.plan = encoder_plan(parts)
        modules = [module for layer in layers for module in layer.products()]
        self.packed = dict(zip(modules, self.plan.packed, strict=True))  # layers of ALBERT come several times
        for module, packed in self.packed.items():
            module._buffers["packed"] = packed
        norms = [p for layer in parts.layers for norm in layer.norms() if norm for p in (norm.weight, norm.bias)]
        self.norms = [(p, version_of(p), p.data_ptr()) for p in norms if p is not None]

    def has_same_weights(self) -> bool:
        for module, packed in self.packed.items():
            buffers = module._buffers
            if buffers["packed"] is not packed or (buffers["stored"] is not None and not module._is_current()):
                return False
        return all(version_of(p) == version and p.data_ptr() == address for p, version, address in self.norms)

    def run(self, x: Tensor, cu_seqlens: Tensor, every_layer: bool) -> Tensor:
        return encoder(x, cu_seqlens, self.plan, every_layer=every_layer)


def version_of(parameter: Tensor) -> int:
    """How often it was changed in place; inference tensors do not count that."""
    return 0 if parameter.is_inference() else parameter._version


def inner_modules(model: nn.Module) -> list[nn.Module]:
    """All modules that are not called when the encoder is."""
    children = [getattr(model, name, None) for name in ("embeddings", "embed_tokens", "pooler")]
    outside = {id(m) for child in children if child is not None for m in child.modules()}
    return [module for module in model.modules() if module is not model and id(module) not in outside]


def hooks_of(module: nn.Module) -> list[dict]:
    return [module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks]


def is_of_transformers(hook) -> bool:
    return getattr(hook, "__qualname__", "").endswith("output_capturing_hook")
