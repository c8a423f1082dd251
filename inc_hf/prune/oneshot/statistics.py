"""What the pruning of a layer has to know about its inputs."""

from typing import Protocol

import torch
from torch import Tensor, nn

from inc_hf.errors import UsageError
from inc_hf.prune.layout import matrix_shape


class Statistics(Protocol):
    """Collected over all batches; `tokens` counts the inputs that were seen."""

    tokens: int

    def __init__(self, module: nn.Module): ...

    def add(self, inputs: Tensor) -> None:
        """Count `inputs` of shape `(tokens, columns)`."""

    def is_finite(self) -> bool: ...


class Hessian:
    """`2 X X^T`, of shape `(columns, columns)`: the second derivative of the squared error of the layer's output.

    In float32, or in float64 if the layer is float64.
    """

    def __init__(self, module: nn.Module):
        columns, weight = matrix_shape(module)[1], module.weight
        self.tokens = 0
        self.matrix = torch.zeros(columns, columns, dtype=statistics_dtype(weight), device=weight.device)

    def add(self, inputs: Tensor) -> None:
        inputs = inputs.to(self.matrix.dtype)
        self.matrix.addmm_(inputs.t(), inputs, alpha=2)
        self.tokens += len(inputs)

    def is_finite(self) -> bool:
        return bool(self.matrix.isfinite().all())


class Moments:
    """Sums of each column and of its squares, in float64: both have shape `(columns,)`."""

    def __init__(self, module: nn.Module):
        columns, device = matrix_shape(module)[1], module.weight.device
        self.tokens = 0
        self.sum, self.squares = torch.zeros(2, columns, dtype=torch.float64, device=device)

    def add(self, inputs: Tensor) -> None:
        inputs = inputs.float() if inputs.dtype.itemsize < 4 else inputs
        self.sum += inputs.sum(0, dtype=torch.float64)
        self.squares += inputs.square().sum(0, dtype=torch.float64)
        self.tokens += len(inputs)

    def is_finite(self) -> bool:
        return bool(self.squares.isfinite().all())

    @property
    def norms(self) -> Tensor:
        """The Euclidean norm of each column over all tokens."""
        return self.squares.sqrt()

    @property
    def mean(self) -> Tensor:
        return self.sum / self.tokens

    @property
    def variance(self) -> Tensor:
        return (self.squares / self.tokens - self.mean.square()).clamp(min=0)


def statistics_dtype(weight: Tensor) -> torch.dtype:
    return torch.promote_types(weight.dtype, torch.float32)


def input_rows(module: nn.Module, inputs: Tensor, mask: Tensor | None) -> Tensor:
    """The inputs of a call as rows that the weight's matrix is multiplied with, of shape `(tokens, columns)`.

    Args:
        inputs (`torch.Tensor` of shape `(..., columns)`, or what a convolution takes).
        mask (`torch.Tensor` of shape `(batch, tokens)`, *optional*): True where a token counts. Not applied to inputs
            of other shapes, such as the pooled first token.
    """
    if module.weight.ndim == 4:
        return unfold(module, inputs).flatten(0, 1)
    if mask is not None and inputs.ndim == 3 and inputs.shape[:2] == mask.shape:
        return inputs[mask]
    if mask is not None and inputs.ndim == 2 and len(inputs) == mask.numel():  # some feed-forwards flatten
        return inputs[mask.flatten()]
    return inputs.reshape(-1, inputs.shape[-1])


def unfold(module: nn.Conv2d, inputs: Tensor) -> Tensor:
    """`(batch, channels, height, width)` to `(batch, places, kernel * channels)`, in the order of `to_matrix`."""
    patches = nn.functional.unfold(inputs, module.kernel_size, module.dilation, module.padding, module.stride)
    return patches.unflatten(1, (module.in_channels, -1)).permute(0, 3, 2, 1).flatten(2)


def check_supported(name: str, module: nn.Module) -> None:
    """Raise ValueError if the inputs of a layer cannot be written as rows."""
    plain_conv = (
        isinstance(module, nn.Conv2d)
        and module.groups == 1
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
    )
    if module.weight.ndim != 2 and not plain_conv:
        raise UsageError(
            f"`{name}` is a {type(module).__name__} that cannot be pruned from its inputs: only linear layers and "
            "nn.Conv2d without groups and with zeros as numeric padding can; name it in `excluded_op_names`."
        )
