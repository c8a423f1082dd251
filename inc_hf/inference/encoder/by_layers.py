"""Layers one by one on the rows of real tokens, for weights that the native encoder does not take: float ones."""

import torch
from torch import Tensor, nn

from inc_hf.inference.encoder.family import Family, Unfit
from inc_hf.inference.encoder.parts import encoder_of
from inc_hf.inference.encoder.prepared import Prepared
from inc_hf.ops.encoder_reference import encoder_reference
from inc_hf.quantize.nn import BF16Linear, QLinear


class ByLayers(Prepared):
    """Runs the layers of an encoder without padding: torch's operators, and the products of the model's own modules.

    A text's result may depend on its batch in the last bits, as torch's products do.

    Raises:
        Unfit: a module is not what is computed, or images are read, which have no padding.
    """

    def __init__(self, model: nn.Module, family: Family, attention: str):
        if family.images is not None:
            raise Unfit("images have no padding to leave out")
        layers = family.layers(model)
        self.encoder = encoder_of(model, family, layers, "fp32", module_itself)
        super().__init__(model, layers)
        modules = [norm for layer in layers for norm in (layer.attention_norm, layer.feed_forward_norm)]
        norms = [norm for layer in self.encoder.layers for norm in layer.norms()]
        self.norms = [(module, norm) for module, norm in zip(modules, norms, strict=True) if norm is not None]

    def has_same_weights(self) -> bool:
        """Weights are read as they are; parameters of norms may have been replaced by others."""
        return all(m.weight is norm.weight and getattr(m, "bias", None) is norm.bias for m, norm in self.norms)

    def run(self, x: Tensor, cu_seqlens: Tensor, every_layer: bool) -> Tensor:
        return encoder_reference(x, cu_seqlens, self.encoder, lambda module, rows: module(rows), every_layer)


def module_itself(module: nn.Module) -> nn.Module:
    if type(module) is nn.Linear and module.weight.dtype != torch.float32:
        raise Unfit(f"its weights are in {str(module.weight.dtype).removeprefix('torch.')}")
    if type(module) is not nn.Linear and not isinstance(module, QLinear | BF16Linear):
        raise Unfit(f"a {type(module).__name__} stands where the encoder has a Linear")
    return module
