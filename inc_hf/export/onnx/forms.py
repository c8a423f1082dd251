"""How quantized modules are written in ONNX: with their own integers and scales, nothing is calibrated again.

Dynamic activations have one scale per token, which no single operator of ONNX knows: they are rounded by elementary
operators and multiplied by MatMulInteger. Static ones are QuantizeLinear and DequantizeLinear around a float operator
("QDQ", which runtimes fuse), or QuantizeLinear and the integer operator ("QOperator"). Convolutions always multiply
their integers in float.

Activations are uint8 in the file, our int8 shifted by 128 together with its zero point, since the kernels of ONNX
Runtime for uint8 times int8 are its fastest.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.onnx.ops import symbolic

from inc_hf import ops
from inc_hf.quantize.nn import QConv, QLinear, QModule, copy_attributes, float_of_codes, quantized_modules

SHIFT = 128  # from int8 to uint8


def float_weight(weight: Tensor, scale: Tensor, axis: int, shape: tuple[int, ...]) -> Tensor:
    """DequantizeLinear of an int8 weight, with one scale per index of `axis` or one in all."""
    attributes = {} if scale.numel() == 1 else {"axis": axis}
    scale = scale.reshape(()) if scale.numel() == 1 else scale.reshape(-1)
    return symbolic("DequantizeLinear", (weight, scale), attributes, dtype=torch.float32, shape=shape)


class Activation:
    """The activations of one module as ONNX sees them: codes in uint8, their scale and zero point."""

    def __init__(self, x: Tensor, module: QModule):
        self.x, self.module = x, module
        self.zero_point = torch.tensor(SHIFT, dtype=torch.uint8)
        if module.input_zero_point is not None:
            self.zero_point = (module.input_zero_point.reshape(()).to(torch.int32) + SHIFT).to(torch.uint8)

    def dynamic(self) -> tuple[Tensor, Tensor]:
        """Codes, and one scale per token, or per sample of a convolution's batch."""
        is_conv = isinstance(self.module, QConv)
        rows = self.x.flatten(1) if is_conv else self.x
        bits = self.module.scheme.activation.num_bits
        scale = ops.per_token_scale(rows, bits, self.module.scale_dtype)
        scale = scale.reshape(-1, *[1] * (self.x.ndim - 1)) if is_conv else scale
        low, high = ops.activation_range(bits)
        # As `ops.quantize_activation`, without its care for NaN, which would be two more operators.
        codes = torch.clamp(torch.round(self.x / scale), low, high) + SHIFT
        return codes.to(torch.uint8), scale

    def static(self) -> tuple[Tensor, Tensor]:
        """Codes and the scale that was calibrated."""
        scale = self.module.input_scale.reshape(())
        x = self.x
        bits = self.module.scheme.activation.num_bits
        if bits < 8:  # QuantizeLinear knows only the range of uint8
            low, high = ops.activation_range(bits)
            zero = self.zero_point.to(torch.float32) - SHIFT
            x = torch.clamp(x, (low - zero) * scale, (high - zero) * scale)
        inputs = (x, scale, self.zero_point)
        return symbolic("QuantizeLinear", inputs, dtype=torch.uint8, shape=x.shape), scale

    def dequantized(self) -> Tensor:
        """The rounded activations in float."""
        codes, scale = self.static()
        inputs = (codes, scale, self.zero_point)
        return symbolic("DequantizeLinear", inputs, dtype=torch.float32, shape=self.x.shape)


class OnnxLinear(nn.Module):
    """Stands for a `QLinear` while a model is exported."""

    def __init__(self, module: QLinear, quant_format: str):
        super().__init__()
        self.module, self.as_qdq = module, quant_format == "QDQ"
        copy_attributes(module, self)  # models read them
        # The module stays packed.
        codes = ops.q8_unpack(module.packed) if module.is_released else module.codes.detach()
        self.register_buffer("codes", codes)
        if module.smooth_scale is not None:  # runtimes multiply faster than they divide
            self.register_buffer("smoothing", 1 / module.smooth_scale)

    @property
    def weight(self) -> Tensor:
        """The float weight: T5 and Mamba ask for its dtype."""
        weight = float_of_codes({**self.module._buffers, "stored": self.codes}, self.module.dtype)
        return weight.t() if self.module.is_conv1d else weight

    def forward(self, x: Tensor) -> Tensor:
        module = self.module
        x = x if module.smooth_scale is None else x * self.smoothing
        scheme = module.scheme
        if scheme.activation is None or scheme.is_static and self.as_qdq:
            x = x if scheme.activation is None else Activation(x, module).dequantized()
            shape = (module.in_features, module.out_features)
            y = x @ float_weight(self.codes.t(), module.weight_scale, 1, shape)
        else:
            y = self.integer(x)
        y = y if module.bias is None else y + module.bias
        return ops.ACTIVATIONS[module.activation](y)

    def integer(self, x: Tensor) -> Tensor:
        activation = Activation(x, self.module)
        codes, scale = activation.static() if self.module.scheme.is_static else activation.dynamic()
        shape = (*x.shape[:-1], self.module.out_features)
        inputs = (codes, self.codes.t(), activation.zero_point)
        sums = symbolic("MatMulInteger", inputs, dtype=torch.int32, shape=shape)
        return sums.to(torch.float32) * scale * self.module.weight_scale.reshape(-1)


class OnnxConv(nn.Module):
    """Stands for a `QConv` while a model is exported."""

    def __init__(self, module: QConv, quant_format: str):
        super().__init__()
        self.module, self.as_qdq = module, quant_format == "QDQ"
        copy_attributes(module, self)  # models read them

    @property
    def weight(self) -> Tensor:
        """The float weight: ViT's patch embedding asks for its dtype."""
        return self.module.dequantize()

    def forward(self, x: Tensor) -> Tensor:
        module, spatial = self.module, [1] * (x.ndim - 2)
        convolve = nn.functional.conv1d if x.ndim == 3 else nn.functional.conv2d
        scheme = module.scheme
        if scheme.activation is None or scheme.is_static and self.as_qdq:
            x = x if scheme.activation is None else Activation(x, module).dequantized()
            weight = float_weight(module.codes, module.weight_scale, 0, tuple(module.codes.shape))
            return convolve(x, weight, module.bias, **module.settings)
        activation = Activation(x, module)
        codes, scale = activation.static() if scheme.is_static else activation.dynamic()
        # In float, since ConvInteger has no fast kernel. Sums below 2^24 are exact: patches of 518 inputs at least.
        centred = codes.to(torch.float32) - activation.zero_point.to(torch.float32)
        sums = convolve(centred, module.codes.to(torch.float32), **module.settings)
        y = sums * scale * module.weight_scale.reshape(-1, *spatial)
        return y if module.bias is None else y + module.bias.reshape(-1, *spatial)


FORMS = {QLinear: OnnxLinear, QConv: OnnxConv}


@contextmanager
def written_for_onnx(model: nn.Module, quant_format: str) -> Iterator[None]:
    """Put the forms above in the places of the quantized modules, inside the block. Embeddings need none."""
    replaced = {n: m for n, m in model.named_modules(remove_duplicate=False) if type(m) in FORMS}
    forms = {id(m): FORMS[type(m)](m, quant_format) for m in quantized_modules(model).values() if type(m) in FORMS}
    for name, module in replaced.items():
        model.set_submodule(name, forms[id(module)])
    try:
        yield
    finally:
        for name, module in replaced.items():
            model.set_submodule(name, module)
