"""What the layers of a model are to whoever runs it: the kernel that multiplies each of them, and its zeros."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from torch import Tensor, nn

from inc_hf.prune.layout import to_matrix
from inc_hf.prune.target import PRUNABLE, is_prunable
from inc_hf.prune.zeros import Zeros, zeros_of
from inc_hf.quantize.nn import BF16Linear, QConv, QLinear

IN_FLOAT = "float"


class Layer(NamedTuple):
    """A Linear or Conv layer: which kernel it runs on here after [`inc_hf.optimize`], and its zeros."""

    kernel: str
    zeros: Zeros


def layers_of(model: nn.Module) -> dict[str, Layer]:
    """Name -> layer, of all Linear and Conv layers of a model; a shared one comes once. Nothing is changed."""
    return measured(model.named_modules())


def measured(modules: Iterable[tuple[str, nn.Module]]) -> dict[str, Layer]:
    """The same of named modules, which may come one at a time."""
    return {name: Layer(kernel_of(m), zeros_of(matrix_of(m))) for name, m in modules if is_layer(m)}


def is_layer(module: nn.Module) -> bool:
    """Whether it multiplies its input by a weight: a Linear or a convolution, in float or not."""
    return isinstance(module, QLinear | QConv | BF16Linear) or is_prunable(module, PRUNABLE)


def kernel_of(module: nn.Module) -> str:
    """What computes a layer on this machine once its weight is packed, such as `INT8 4x1 sparse`."""
    return module.kernel() if isinstance(module, QLinear | QConv | BF16Linear) else IN_FLOAT


def matrix_of(module: nn.Module) -> Tensor:
    """The weight of a layer as it is stored, of shape `(out_features, inputs)`."""
    if not isinstance(module, QLinear | QConv | BF16Linear):
        return to_matrix(module, module.weight.detach())
    if isinstance(module, QConv):
        return to_matrix(module, module.codes)
    is_released = module.is_released  # whose weight is not to come back for this
    stored = module.unpacked() if is_released else module.stored_weight()
    return stored.t() if isinstance(module, BF16Linear) and module.transposed else stored


def kernels_in_numbers(layers: Mapping[str, Layer]) -> dict[str, int]:
    """How many layers run on each kernel, the most frequent first."""
    return dict(Counter(layer.kernel for layer in layers.values()).most_common())
