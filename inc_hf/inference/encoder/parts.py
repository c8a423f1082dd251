"""From the modules of a model to what an encoder is made of."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from inc_hf.inference.encoder.family import Family, LayerModules, Unfit
from inc_hf.inference.fuse import activation_name
from inc_hf.ops.encoder_parts import MOST_TOKENS, Encoder, Layer, Norm, Product
from inc_hf.quantize.nn import BF16Linear, QLinear

AUTO = "auto"  # attention in 8 bits where query and key are computed in 8 bits


def encoder_of(
    model: nn.Module, family: Family, layers: list[LayerModules], attention: str, product_of: Callable
) -> Encoder:
    """What all `layers` of a model are made of.

    Args:
        product_of: what a Linear layer becomes, from its module.

    Raises:
        Unfit: one of the modules is not what the encoder computes.
    """
    if getattr(model.config, "is_decoder", False) or getattr(model.config, "add_cross_attention", False):
        raise Unfit("it is a decoder")
    first, heads = layers[0], model.config.num_attention_heads
    check_shapes(model.config, layers)
    activation = activation_of(first, product_of)
    made = [layer_of(layer, activation, product_of) for layer in layers]
    hidden, width = first.output.out_features, first.output.in_features
    knows_positions = family.has_positions or family.biases is not None
    return Encoder(
        hidden,
        heads,
        width // heads,
        first.down.in_features,
        activation,
        (width // heads) ** -0.5,
        family.norm_place,
        attention_of(first) if attention == AUTO else attention,
        made,
        family.is_gated,
        model.config.max_position_embeddings if knows_positions else MOST_TOKENS,
        None if family.biases is None else family.biases(model),
    )


def check_shapes(config: Any, layers: list[LayerModules]) -> None:
    """Refuse what was made smaller since the config was written: layer by layer, or by whole heads."""
    shapes = {tuple(getattr(module, "out_features", None) for module in layer.products()) for layer in layers}
    if len(shapes) > 1:
        raise Unfit("its layers are not all of one size")
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if layers[0].output.in_features != size * config.num_attention_heads:
        raise Unfit("its layers have not as many heads as its config says")


def attention_of(modules: LayerModules) -> str:
    return "int8" if isinstance(modules.query, QLinear) else "fp32"


def layer_of(modules: LayerModules, activation: str, product_of: Callable) -> Layer:
    *products, gate = [None if module is None else product_of(module) for module in (*modules[:6], modules.gate)]
    if activation_of(modules, product_of) != activation:
        raise Unfit("its layers have different activation functions")
    for module in modules.products():
        if module is not modules.up and fused_in(module) != "none":
            raise Unfit("an activation function stands where the encoder has none")
    norms = [norm_of(norm) for norm in (modules.attention_norm, modules.feed_forward_norm)]
    return Layer(*products, *norms, modules.window, modules.rotary, gate)


def fused_in(module: nn.Module) -> str:
    """The activation function that a layer computes where it writes its result."""
    return getattr(module, "activation", "none")


def activation_of(modules: LayerModules, product_of: Callable) -> str:
    """Between `up` and `down`, beside what `up` computes itself where modules are called as they are."""
    fused = fused_in(modules.up)
    if fused != "none":
        return fused if product_of is packed_product else "none"
    name = activation_name(modules.activation)
    if name is None:
        raise Unfit(f"the activation function {type(modules.activation).__name__} is not one of the encoder's")
    return name


def packed_product(module: nn.Module) -> Product:
    """A layer on our kernels. Its weight is packed on the way."""
    if not isinstance(module, QLinear | BF16Linear):
        raise Unfit(f"a {type(module).__name__} is not quantized and not in bfloat16")
    if not module.is_released and not module.runs_packed():
        raise Unfit("a weight does not run on the kernels")
    packed = module.current_packed()
    if isinstance(module, BF16Linear):
        return Product(packed, "bf16")
    activation = module.scheme.activation
    return Product(
        packed,
        "int8",
        0.0 if module.input_scale is None else float(module.input_scale),
        0 if module.input_zero_point is None else int(module.input_zero_point),
        activation.num_bits,
        module.scale_dtype == torch.bfloat16,
        None if module.smooth_scale is None else module.smooth_scale.reciprocal(),
    )


def norm_of(module: nn.Module | None) -> Norm | None:
    if module is None:
        return None
    name = type(module).__name__
    # as Llama's; Gemma's, which add 1 to their weights, call it `eps`
    is_rms = name.endswith("RMSNorm") and hasattr(module, "variance_epsilon")
    if not is_rms and (type(module) is not nn.LayerNorm or len(module.normalized_shape) != 1):
        raise Unfit(f"a {name} stands where the encoder has a LayerNorm")
    if module.weight is not None and module.weight.dtype != torch.float32:
        raise Unfit(f"its norms are in {module.weight.dtype}")
    if is_rms:
        return Norm(module.weight, None, module.variance_epsilon, "rms")
    return Norm(module.weight, module.bias, module.eps)
