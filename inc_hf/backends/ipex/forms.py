"""How quantized modules run on IPEX: with their own integers and scales, nothing is calibrated again.

Each is a float operator between `dequantize` of its int8 weight and of rounded activations, which is the pattern that
IPEX's own `convert` leaves behind, and which oneDNN turns into one integer operator. Activations are uint8, our int8
shifted by 128.

Dynamic activations keep one scale per token (per sample in convolutions), so that a sample does not depend on who
shares its batch. Those of IPEX's own dynamic mode have one scale for the whole batch, and 7 bits.

Embeddings, and modules that round nothing but their weight, need no form: torch traces them as they are.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inc_hf import ops
from inc_hf.quantize.nn import QConv, QLinear, QModule, copy_attributes, quantized_modules

SHIFT = 128  # from int8 to uint8


class IpexForm(nn.Module):
    """Stands for a quantized module with integer activations in the model that is traced.

    Rows with NaN or Inf come out as NaN where activations are dynamic; static ones become some integer.
    """

    def __init__(self, module: QModule):
        super().__init__()
        self.module, self.scheme = module, module.scheme
        copy_attributes(module, self)  # models read them
        self.scale = module.input_scale.item() if self.scheme.is_static else 1.0
        self.zero_point = 0 if module.input_zero_point is None else int(module.input_zero_point)
        self.register_buffer("quantized", quantized_weight(module))
        self.bias = torch.zeros(self.quantized.shape[0]) if module.bias is None else module.bias

    @property
    def weight(self) -> Tensor:
        """The float weight: ViT's patch embedding asks for its dtype."""
        return self.quantized.dequantize()

    def rounded(self, x: Tensor) -> Tensor:
        """Static activations after rounding; dynamic ones come divided by their scale."""
        num_bits = self.scheme.activation.num_bits
        if num_bits < 8:  # quantize_per_tensor knows only the range of uint8
            low, high = ((code - self.zero_point) * self.scale for code in ops.activation_range(num_bits))
            x = torch.clamp(x, low, high)
        return torch.quantize_per_tensor(x, self.scale, self.zero_point + SHIFT, torch.quint8).dequantize()

    def dynamic_scale(self, rows: Tensor) -> Tensor:
        """Of each row, of shape `(..., 1)`."""
        return ops.per_token_scale(rows, self.scheme.activation.num_bits, self.module.scale_dtype)


class IpexLinear(IpexForm):
    """Stands for a `QLinear`."""

    def forward(self, x: Tensor) -> Tensor:
        module = self.module
        x = x if module.smooth_scale is None else x / module.smooth_scale
        if self.scheme.is_static:
            y = F.linear(self.rounded(x), self.weight, self.bias)
        else:
            scale = self.dynamic_scale(x)
            y = F.linear(self.rounded(x / scale), self.weight)
            # Not `y * scale + bias`: with these inside, oneDNN's integer operator takes 25 times as long.
            y = torch.addcmul(self.bias, y, scale)
        return ops.ACTIVATIONS[module.activation](y)


class IpexConv(IpexForm):
    """Stands for a `QConv`."""

    def forward(self, x: Tensor) -> Tensor:
        convolve, settings = F.conv1d if x.ndim == 3 else F.conv2d, self.module.settings
        if self.scheme.is_static:
            return convolve(self.rounded(x), self.weight, self.bias, **settings)
        spatial = [1] * (x.ndim - 2)
        scale = self.dynamic_scale(x.flatten(1)).reshape(-1, 1, *spatial)
        y = convolve(self.rounded(x / scale), self.weight, **settings)
        return torch.addcmul(self.bias.reshape(-1, *spatial), y, scale)


FORMS = {QLinear: IpexLinear, QConv: IpexConv}


def quantized_weight(module: QModule) -> Tensor:
    """The integers and scales of a module as a tensor of `torch.qint8`, of the shape of its weight."""
    scale, weight = module.weight_scale.reshape(-1), module.dequantize()
    if scale.numel() == 1:
        return torch.quantize_per_tensor(weight, scale.item(), 0, torch.qint8)
    # Scales of our own, so that the quotients are the integers, whatever the number of their bits.
    return torch.quantize_per_channel(weight, scale, torch.zeros_like(scale, dtype=torch.int64), 0, torch.qint8)


def integer_modules(model: nn.Module) -> list[QModule]:
    """The modules whose weight and activations are integers."""
    return [m for m in quantized_modules(model).values() if type(m) in FORMS and m.scheme.activation is not None]


def use_ipex_forms(model: nn.Module) -> nn.Module:
    """Replace the integer modules by the forms above, in place."""
    forms = {id(module): FORMS[type(module)](module) for module in integer_modules(model)}
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if id(module) in forms:
            model.set_submodule(name, forms[id(module)])
    return model
