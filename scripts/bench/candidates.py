"""The ways to compute one Linear layer that are measured against each other."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from bench.zeros import zero_blocks
from torch import Tensor
from torch.nn import functional as F

from inc_hf import ops
from inc_hf.ops.bf16 import bf16_variants

FP32 = "fp32"
# Engine of torch's dynamic INT8 -> name. Not qnnpack, which is for ARM: on x86 it is slower than FP32.
TORCH_DYNAMIC = {"fbgemm": "torch fbgemm", "x86": "torch x86", "onednn": "torch onednn"}
TORCH_STATIC = "torch qlinear_pointwise"
TORCH_INT8 = (*TORCH_DYNAMIC.values(), TORCH_STATIC)
ZEROS = (20, 30, 40, 50, 60, 70, 80, 90)
# The first is the default of the ISA, see `ops.default_weight_bits`.
WEIGHT_BITS = {"avx2": (7, 8), "avxvnni": (8,), "avx512vnni": (8,), "amx": (8,), "neondot": (8,), "scalar": (8,)}
BF16_VARIANTS = {
    "avx2": ("avx2",),
    "avxvnni": ("avx2",),
    "avx512vnni": ("avx512bf16", "avx512"),
    "amx": ("amx", "avx512bf16", "avx512"),
    "neondot": ("neondot",),
    "scalar": ("scalar",),
}


@dataclass
class Candidate:
    """A call to measure. `error`: root mean square of that of its result, as a part of the result itself."""

    name: str
    run: Callable[[], Tensor]
    error: float

    @classmethod
    def checked(cls, name: str, run: Callable[[], Tensor], expected: Tensor) -> "Candidate":
        return cls(name, run, float((run() - expected).norm() / expected.norm()))


@dataclass
class Layer:
    """`x` of shape `(rows, in_features)`, `weight` of shape `(out_features, in_features)`, `bias`; all float32."""

    x: Tensor
    weight: Tensor
    bias: Tensor

    @classmethod
    def random(cls, rows: int, in_features: int, out_features: int) -> "Layer":
        weight = torch.randn(out_features, in_features) / in_features**0.5
        return cls(torch.randn(rows, in_features), weight, torch.randn(out_features))

    def expected(self, weight: Tensor | None = None) -> Tensor:
        return F.linear(self.x, self.weight if weight is None else weight, self.bias)


def dense_name(isa: str, bits: int) -> str:
    return f"{isa} dense {bits}-bit"


def gelu_name(isa: str, bits: int) -> str:
    return f"{isa} dense {bits}-bit + GELU"


def sparse_name(isa: str, bits: int, zeros: int) -> str:
    return f"{isa} sparse {bits}-bit {zeros}%"


def bf16_name(variant: str) -> str:
    return f"bf16 {variant}"


def quantize_weight(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Symmetric per channel: int8 codes and scales of shape `(out_features, 1)`."""
    qmax = ops.weight_qmax(bits)
    scale = weight.abs().amax(1, keepdim=True) / qmax
    return (weight / scale).round().clamp(-qmax, qmax).to(torch.int8), scale


def candidates(layer: Layer, isas: list[str]) -> list[Candidate]:
    """FP32 first, then torch's INT8, then ours."""
    fp32 = Candidate(FP32, partial(F.linear, layer.x, layer.weight, layer.bias), 0.0)
    q8 = [c for isa in isas for bits in WEIGHT_BITS[isa] for c in q8_candidates(layer, isa, bits)]
    variants = dict.fromkeys(variant for isa in isas for variant in BF16_VARIANTS[isa])
    supported = bf16_variants()
    bf16 = [bf16_candidate(layer, variant) for variant in variants if variant in supported]
    return [fp32, *torch_candidates(layer), *q8, *bf16]


def torch_candidates(layer: Layer) -> list[Candidate]:
    engines = [engine for engine in TORCH_DYNAMIC if engine in torch.backends.quantized.supported_engines]
    found = [torch_dynamic(layer, engine) for engine in engines]
    return [*found, torch_static(layer)] if torch.backends.mkldnn.is_available() else found


def torch_dynamic(layer: Layer, engine: str) -> Candidate:
    """What `torch.ao.nn.quantized.dynamic.Linear` calls, per channel; its activations have 7 bits."""
    torch.backends.quantized.engine = engine
    codes, scale = quantize_weight(layer.weight, 8)
    zero_points = torch.zeros(codes.shape[0], dtype=torch.int64)
    weight = torch._make_per_channel_quantized_tensor(codes, scale[:, 0].double(), zero_points, 0)
    packed = torch.ops.quantized.linear_prepack(weight, layer.bias)
    run = partial(torch.ops.quantized.linear_dynamic.default, layer.x, packed, True)
    return Candidate.checked(TORCH_DYNAMIC[engine], run, layer.expected())


def torch_static(layer: Layer) -> Candidate:
    """oneDNN's INT8 as torch.compile uses it, with one scale for the input; quantizing the input is included."""
    codes, scale = quantize_weight(layer.weight, 8)
    packed = torch.ops.onednn.qlinear_prepack(codes, list(layer.x.shape))
    low, high = layer.x.aminmax()
    x_scale = float(high - low) / 255
    zero_point = round(float(-low) / x_scale)
    zero_points = torch.zeros(codes.shape[0], dtype=torch.int64)

    def run() -> Tensor:
        x = torch.quantize_per_tensor(layer.x, x_scale, zero_point, torch.quint8).int_repr()
        return torch.ops.onednn.qlinear_pointwise.default(
            x, x_scale, zero_point, packed, scale[:, 0], zero_points, layer.bias, 1.0, 0, torch.float32, "none", [], ""
        )

    return Candidate.checked(TORCH_STATIC, run, layer.expected())


def q8_candidates(layer: Layer, isa: str, bits: int) -> list[Candidate]:
    codes, scale = quantize_weight(layer.weight, bits)
    dense = q8_candidate(dense_name(isa, bits), layer, codes, scale, isa, "dense")
    gelu = q8_candidate(gelu_name(isa, bits), layer, codes, scale, isa, "dense", "gelu")
    sparse = [
        q8_candidate(sparse_name(isa, bits, zeros), layer, zero_blocks(codes, zeros), scale, isa, "sparse")
        for zeros in ZEROS
    ]
    return [dense, gelu, *sparse]


def q8_candidate(
    name: str, layer: Layer, codes: Tensor, scale: Tensor, isa: str, kind: str, activation: str = "none"
) -> Candidate:
    packed = ops.q8_pack(codes, scale, layer.bias, kind=kind, isa=isa)
    run = partial(ops.q8_linear_packed, layer.x, packed, codes.shape[0], activation=activation)
    return Candidate.checked(name, run, ops.ACTIVATIONS[activation](layer.expected(codes * scale)))


def bf16_candidate(layer: Layer, variant: str) -> Candidate:
    weight = layer.weight.to(torch.bfloat16)
    packed = ops.bf16_pack(weight, layer.bias, variant)
    run = partial(ops.bf16_linear_packed, layer.x, packed, weight.shape[0])
    return Candidate.checked(bf16_name(variant), run, layer.expected(weight.float()))
