"""The quantized twins of `nn.Linear`, `transformers.Conv1D`, `nn.Embedding`, `nn.Conv1d` and `nn.Conv2d`.

Each holds int8 `weight`, float32 `weight_scale` and, for static activations, `input_scale` and `input_zero_point`
under the names and shapes of compressed-tensors, so that a state dict is a checkpoint.
"""

import torch
from torch import Tensor, nn

from inc_hf import ops
from inc_hf.quantize.functional import dequantize_weight
from inc_hf.quantize.nn.packed_linear import PackedLinear
from inc_hf.quantize.nn.packed_weight import as_parameter
from inc_hf.quantize.scheme import Scheme


class QModule(nn.Module):
    """Integer weight of shape `(out, ...)`, its scale, and the static parameters of the activations."""

    def __init__(self, scheme: Scheme, weight_shape: tuple[int, ...], dtype: torch.dtype = torch.float32):
        super().__init__()
        self.scheme = scheme
        self.dtype = dtype
        scale_shape = (weight_shape[0], 1) if scheme.weight.per_channel else (1,)
        self.set_codes(torch.zeros(weight_shape, dtype=torch.int8))
        self.register_buffer("weight_scale", torch.ones(scale_shape, dtype=torch.float32))
        self.register_buffer("input_scale", torch.ones(1, dtype=torch.float32) if scheme.is_static else None)
        has_zero_point = scheme.is_static and not scheme.activation.symmetric
        self.register_buffer("input_zero_point", torch.zeros(1, dtype=torch.int8) if has_zero_point else None)

    @property
    def codes(self) -> Tensor:
        """The int8 weight."""
        return self._parameters["weight"]

    def set_codes(self, codes: Tensor) -> None:
        """Take `codes` as the integer weight."""
        self._parameters["weight"] = as_parameter(codes)

    @property
    def scale_dtype(self) -> torch.dtype:
        """Precision of the dynamic scales of the activations."""
        return getattr(torch, self.scheme.activation.scale_dtype)

    def dequantize(self) -> Tensor:
        """The float weight, in the dtype of the module that was quantized."""
        return dequantize_weight(self.codes, self.weight_scale, self.dtype)

    def refuse_training(self, x: Tensor) -> None:
        """Raise RuntimeError if this is training: rounded activations pass no gradient to what comes before."""
        if self.training and self.scheme.activation is not None and x.requires_grad and torch.is_grad_enabled():
            raise RuntimeError(
                "A quantized model is for inference: call `model.eval()`, and train the float model before quantizing."
            )

    def describe_scheme(self) -> str:
        """E.g. `W7A8 dynamic`."""
        weight = f"W{self.scheme.weight.num_bits}"
        activation = self.scheme.activation
        if activation is None:
            return weight
        kind = "dynamic" if activation.dynamic else "static" if activation.symmetric else "static asymmetric"
        return f"{weight}A{activation.num_bits} {kind}"


class FloatWeightView(QModule):
    """Shows the float weight as `.weight`, since some models read it (CLIP's patch embedding, DeBERTa's tied head).

    While a checkpoint is loaded and weights are tied, `.weight` is the int8 parameter (`loading = True`).
    """

    loading = False

    @property
    def weight(self) -> Tensor:
        return self.codes if self.loading else self.dequantize()


class QLinear(PackedLinear, QModule):
    """Twin of `nn.Linear` and `transformers.Conv1D`: `y = dequantize(q(x) @ weight.T) + bias`."""

    def __init__(self, in_features: int, out_features: int, bias: bool, scheme: Scheme, dtype: torch.dtype):
        super().__init__(scheme, (out_features, in_features), dtype)
        self.in_features, self.out_features = in_features, out_features
        self.bias = nn.Parameter(torch.zeros(out_features, dtype=dtype), requires_grad=False) if bias else None
        # Number of dimensions of the input, where known: compressed-tensors needs another word for 2-D ones.
        self.input_ndim: int | None = None
        self.is_conv1d = False
        smoothed = scheme.smooth_alpha is not None
        self.register_buffer("smooth_scale", torch.ones(in_features, dtype=torch.float32) if smoothed else None)

    @classmethod
    def like(cls, module: nn.Module, scheme: Scheme) -> "QLinear":
        """Empty twin of `module` (which may be on the meta device)."""
        out_features, in_features = weight_matrix(module).shape
        twin = cls(in_features, out_features, module.bias is not None, scheme, module.weight.dtype)
        twin.is_conv1d = op_type(module) == "Conv1D"
        return twin

    def forward(self, x: Tensor) -> Tensor:
        self.refuse_training(x)
        if self.smooth_scale is not None:
            x = (x / self.smooth_scale).to(x.dtype)
        if self.scheme.activation is None:
            y = nn.functional.linear(x, dequantize_weight(self.codes, self.weight_scale, x.dtype), self.bias)
            return ops.ACTIVATIONS[self.activation](y)
        if self.runs_native(x):
            return self.native_forward(x)
        return ops.q8_linear(
            x,
            self.codes,
            self.weight_scale,
            self.bias,
            self.input_scale,
            self.input_zero_point,
            self.scheme.activation.num_bits,
            self.scale_dtype,
            self.activation,
        )

    def extra_repr(self) -> str:
        parts = [f"in_features={self.in_features}", f"out_features={self.out_features}"]
        parts += [f"bias={self.bias is not None}", self.describe_scheme()]
        if self.activation != "none":
            parts.append(self.activation)
        if self.packed is not None:
            parts.append(ops.q8_describe(self.packed))
        return ", ".join(parts)


class QEmbedding(FloatWeightView):
    """Twin of `nn.Embedding`: rows are looked up as int8 and scaled."""

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None, scheme: Scheme, dtype):
        super().__init__(scheme, (num_embeddings, embedding_dim), dtype)
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.embed_scale = 1.0  # BART's scaled embeddings multiply by it

    @classmethod
    def like(cls, module: nn.Embedding, scheme: Scheme) -> "QEmbedding":
        """Empty twin of `module`."""
        twin = cls(module.num_embeddings, module.embedding_dim, module.padding_idx, scheme, module.weight.dtype)
        if type(module) is not nn.Embedding:
            twin.embed_scale = getattr(module, "embed_scale", 1.0)
        return twin

    def forward(self, ids: Tensor) -> Tensor:
        rows = nn.functional.embedding(ids, self.codes)
        scale = self.weight_scale if self.weight_scale.numel() == 1 else self.weight_scale[ids]
        return (rows.to(ops.compute_dtype(self.dtype)) * scale).to(self.dtype) * self.embed_scale

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}, {self.describe_scheme()}"


class QConv(FloatWeightView):
    """Twin of `nn.Conv1d` and `nn.Conv2d`. Dynamic activations have one scale per sample of the batch.

    Samples with NaN or Inf come out as NaN.
    """

    def __init__(self, weight_shape: tuple[int, ...], bias: bool, settings: dict, scheme: Scheme, dtype):
        super().__init__(scheme, weight_shape, dtype)
        self.settings = settings
        self.stride, self.padding = settings["stride"], settings["padding"]  # models read them, as those of nn.Conv2d
        self.bias = nn.Parameter(torch.zeros(weight_shape[0], dtype=dtype), requires_grad=False) if bias else None

    @classmethod
    def like(cls, module: nn.Conv1d | nn.Conv2d, scheme: Scheme) -> "QConv":
        """Empty twin of `module`, which must pad with zeros."""
        settings = {name: getattr(module, name) for name in ("stride", "padding", "dilation", "groups")}
        return cls(tuple(module.weight.shape), module.bias is not None, settings, scheme, module.weight.dtype)

    def forward(self, x: Tensor) -> Tensor:
        self.refuse_training(x)
        if x.ndim < self.codes.ndim:  # one sample without the dimension of the batch
            return self.forward(x.unsqueeze(0)).squeeze(0)
        convolve = nn.functional.conv1d if self.codes.ndim == 3 else nn.functional.conv2d
        if self.scheme.activation is None:
            return convolve(x, self.dequantize().to(x.dtype), self.bias, **self.settings)
        num_bits = self.scheme.activation.num_bits
        spatial = [1] * (x.ndim - 2)
        scale = self.input_scale
        if scale is None:
            scale = ops.per_token_scale(x.flatten(1), num_bits, self.scale_dtype).reshape(-1, 1, *spatial)
        # float64 holds every sum of int8 products exactly; padding with 0 after the zero point is taken off is exact.
        codes = ops.quantize_activation(x, scale, self.input_zero_point, num_bits).double()
        if self.input_zero_point is not None:
            codes -= self.input_zero_point
        accumulator = convolve(codes, self.codes.double(), **self.settings)
        y = accumulator.to(ops.compute_dtype(x.dtype)) * scale * self.weight_scale.reshape(-1, *spatial)
        if self.bias is not None:
            y += self.bias.reshape(-1, *spatial)
        y[~x.flatten(1).isfinite().all(-1)] = torch.nan
        return y.to(x.dtype)

    def extra_repr(self) -> str:
        return f"weight={tuple(self.codes.shape)}, {self.describe_scheme()}"


def op_type(module: nn.Module) -> str | None:
    """The name by which configs know a module that can be quantized, or None.

    Subclasses count if they keep the forward of their base. `nn.MultiheadAttention` multiplies by the weight of its
    `out_proj` itself, so that this layer stays in float.
    """
    if isinstance(module, nn.modules.linear.NonDynamicallyQuantizableLinear):
        return None
    if type(module).__name__.endswith("ScaledWordEmbedding") and isinstance(module.embed_scale, float):
        return "Embedding"
    for cls in (nn.Linear, nn.Embedding, nn.Conv1d, nn.Conv2d):
        if isinstance(module, cls):
            return cls.__name__ if type(module).forward is cls.forward and _is_supported(module) else None
    is_conv1d = type(module).__name__ == "Conv1D" and type(module).__module__.startswith("transformers.")
    return "Conv1D" if is_conv1d else None


def _is_supported(module: nn.Module) -> bool:
    if isinstance(module, nn.Embedding):
        return module.max_norm is None and not module.sparse
    return getattr(module, "padding_mode", "zeros") == "zeros"


TWINS = {"Linear": QLinear, "Conv1D": QLinear, "Embedding": QEmbedding, "Conv1d": QConv, "Conv2d": QConv}


def empty_twin(module: nn.Module, scheme: Scheme) -> QModule:
    """Quantized module of the shapes of `module`, its tensors still to be filled."""
    return TWINS[op_type(module)].like(module, scheme)


def weight_matrix(module: nn.Module) -> Tensor:
    """The float weight with the output channels first (`transformers.Conv1D` has them last)."""
    return module.weight.T if op_type(module) == "Conv1D" else module.weight


def quantized_modules(model: nn.Module) -> dict[str, QModule]:
    """Name -> module of all quantized modules; a shared one comes once."""
    return {name: module for name, module in model.named_modules() if isinstance(module, QModule)}
