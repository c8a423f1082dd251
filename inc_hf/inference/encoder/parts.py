"""From the modules of a model to what the native encoder is made of."""

import torch
from torch import nn

from inc_hf.inference.encoder.family import Family, LayerModules, Unfit
from inc_hf.inference.fuse import activation_name
from inc_hf.ops.encoder_parts import MOST_TOKENS, Encoder, Layer, Norm, Product
from inc_hf.quantize.nn import BF16Linear, QLinear

AUTO = "auto"  # attention in 8 bits where query and key are computed in 8 bits


def encoder_of(model: nn.Module, family: Family, layers: list[LayerModules], attention: str) -> Encoder:
    """What all `layers` of a model are made of. Weights are packed on the way.

    Raises:
        Unfit: one of the modules is not what the encoder computes.
    """
    if getattr(model.config, "is_decoder", False) or getattr(model.config, "add_cross_attention", False):
        raise Unfit("it is a decoder")
    first, heads = layers[0], model.config.num_attention_heads
    hidden, width = weight_shape(first.output)
    return Encoder(
        hidden,
        heads,
        width // heads,
        weight_shape(first.down)[1],
        activation_of(first),
        (width // heads) ** -0.5,
        family.norm_place,
        attention_of(first) if attention == AUTO else attention,
        [layer_of(layer, activation_of(first)) for layer in layers],
        family.is_gated,
        model.config.max_position_embeddings if family.has_positions or family.biases else MOST_TOKENS,
        None if family.biases is None else family.biases(model),
    )


def attention_of(modules: LayerModules) -> str:
    return "int8" if isinstance(modules.query, QLinear) else "fp32"


def layer_of(modules: LayerModules, activation: str) -> Layer:
    if activation_of(modules) != activation:
        raise Unfit("its layers have different activation functions")
    for module in modules.products():
        if module is not modules.up and getattr(module, "activation", "none") != "none":
            raise Unfit("an activation function stands where the encoder has none")
    products = [None if module is None else product_of(module) for module in modules[:6]]
    norms = [norm_of(norm) for norm in (modules.attention_norm, modules.feed_forward_norm)]
    return Layer(*products, *norms, modules.window, modules.rotary)


def weight_shape(module: nn.Module) -> tuple[int, int]:
    if not isinstance(module, QLinear | BF16Linear):
        raise Unfit(f"a {type(module).__name__} is not quantized and not in bfloat16")
    return module.out_features, module.in_features


def activation_of(modules: LayerModules) -> str:
    """Between `up` and `down`: of a layer that computes it where it writes its result, or of a module."""
    fused = getattr(modules.up, "activation", "none")
    if fused != "none":
        return fused
    name = activation_name(modules.activation)
    if name is None:
        raise Unfit(f"the activation function {type(modules.activation).__name__} is not one of the encoder's")
    return name


def product_of(module: nn.Module) -> Product:
    weight_shape(module)
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
    if type(module) is not nn.LayerNorm or len(module.normalized_shape) != 1:
        raise Unfit(f"a {type(module).__name__} stands where the encoder has a LayerNorm")
    if module.weight is not None and module.weight.dtype != torch.float32:
        raise Unfit(f"its norms are in {module.weight.dtype}")
    return Norm(module.weight, module.bias, module.eps)
