"""ViT and DeiT: images, norms before the products, one more after the last layer."""

from typing import Any

from torch import Tensor, nn

from inc_hf.inference.encoder.family import Family, LayerModules, embedded_images
from inc_hf.inference.encoder.named import modules_of


def layers_of(model: nn.Module) -> list[LayerModules]:
    return [
        modules_of(layer, "vit", "attention", "mlp", ("layernorm_before", "layernorm_after"), "activation_fn")
        for layer in model.layers
    ]


def result(model: nn.Module, hidden: Tensor, given: dict[str, Any]) -> Any:
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    hidden = model.layernorm(hidden)
    pooled = None if model.pooler is None else model.pooler(hidden)
    return BaseModelOutputWithPooling(last_hidden_state=hidden, pooler_output=pooled)


VIT = Family(
    ("ViTModel", "DeiTModel"), layers_of, images=embedded_images, result=result, norm_place="before", norms_last=False
)
