"""What lies between two matrix products: native for float32 on the CPU without gradients, otherwise plain torch.

Errors are against the value in float64. NaN in an input is NaN in what depends on it, in both.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from inc_hf.ops.devices import refuse_elsewhere
from inc_hf.ops.library import is_available, is_native
from inc_hf.ops.numbers import ACTIVATIONS as NUMBERS
from inc_hf.ops.numbers import number_of
from inc_hf.ops.reference import ACTIVATIONS


def activate(x: Tensor, name: str) -> Tensor:
    """An activation function, by name.

    The native error is at most 3e-7 (5e-7 for "gelu_tanh") times `max(1, abs(y))`. Where the value of a GELU is below
    1e-20, so is the result, without a correct digit: -Inf gives about 0, not NaN as in torch.

    Args:
        x (`torch.Tensor` of any shape): float.
        name (`str`): "none", "relu", "gelu", "gelu_tanh", "silu" or "quick_gelu".

    Returns:
        `torch.Tensor` of the shape of `x`.

    Raises:
        ValueError: an unknown name.
    """
    if _is_native(x):
        return torch.ops.inc_hf.activate.default(x, number_of(name, NUMBERS, "activation"))
    return activate_reference(x, name)


def layer_norm(
    x: Tensor,
    residual: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """LayerNorm of `x + residual` over the last dimension.

    The native error is at most `2e-6 * max(1, abs(y))` if `weight` and `bias` have unit scale, even if the mean of a
    row is 100 times its deviation. Inf makes a row NaN.

    Args:
        x (`torch.Tensor` of shape `(..., features)`): float.
        residual (`torch.Tensor` of shape `(..., features)`, *optional*): added to `x` first.
        weight (`torch.Tensor` of shape `(features,)`, *optional*): multiplied with the result.
        bias (`torch.Tensor` of shape `(features,)`, *optional*): added to it.
        eps (`float`): added to the variance.

    Returns:
        `torch.Tensor` of shape `(..., features)`.

    Raises:
        ValueError: `residual`, `weight` or `bias` has another shape.
    """
    if _is_native(x, residual, weight, bias):
        return torch.ops.inc_hf.layer_norm.default(x, residual, weight, bias, eps)
    return layer_norm_reference(x, residual, weight, bias, eps)


def softmax(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax of `x + mask` over the last dimension.

    The native error is at most 1e-6; probabilities below 1e-38 are 0. A row of only -Inf is NaN, as is one with +Inf.

    Args:
        x (`torch.Tensor` of shape `(..., keys)`): float scores.
        mask (`torch.Tensor` broadcastable to `(..., keys)`, *optional*): float, added to `x`, without a pass of its
            own if it has the first sizes of `x`, then 1, then `keys`, such as `(batch, 1, 1, keys)`.

    Returns:
        `torch.Tensor` of shape `(..., keys)`.

    Raises:
        ValueError: a mask that is not float, or not broadcastable to `x`.
    """
    if not _is_native(x, mask):
        return softmax_reference(x, mask)
    _check_mask(x, mask)
    if mask is not None and not _is_per_row(mask, x):
        x, mask = x + mask, None
    return torch.ops.inc_hf.softmax.default(x, mask)


def activate_reference(x: Tensor, name: str) -> Tensor:
    """`activate` in plain torch."""
    if name not in ACTIVATIONS:
        raise ValueError(f"Unknown activation {name!r}; choose one of {', '.join(ACTIVATIONS)}.")
    return ACTIVATIONS[name](x)


def layer_norm_reference(
    x: Tensor,
    residual: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """`layer_norm` in plain torch."""
    expected = [("residual", residual, x.shape), ("weight", weight, x.shape[-1:]), ("bias", bias, x.shape[-1:])]
    for name, y, shape in expected:
        if y is not None and y.shape != shape:
            raise ValueError(f"`{name}` must have shape {(*shape,)}, got {(*y.shape,)}.")
    return F.layer_norm(x if residual is None else x + residual, x.shape[-1:], weight, bias, eps)


def softmax_reference(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """`softmax` in plain torch."""
    _check_mask(x, mask)
    return torch.softmax(x if mask is None else x + mask, -1)


def _check_mask(x: Tensor, mask: Tensor | None) -> None:
    if mask is None:
        return
    if not mask.is_floating_point():
        raise ValueError(f"`mask` must be float, 0 where `x` counts and -Inf where not, got {mask.dtype}.")
    sizes = list(zip(reversed(mask.shape), reversed(x.shape), strict=False))
    if mask.dim() > x.dim() or any(m not in (1, n) for m, n in sizes):
        raise ValueError(f"`mask` must be broadcastable to {(*x.shape,)}, got {(*mask.shape,)}.")


def _is_per_row(mask: Tensor, x: Tensor) -> bool:
    """Whether consecutive rows of `x` share a row of the mask, which then is read as it is."""
    sizes = (1,) * (x.dim() - mask.dim()) + tuple(mask.shape)
    first = x.dim() - 1
    while first > 0 and sizes[first - 1] == 1:
        first -= 1
    return sizes[-1] == x.shape[-1] and sizes[:first] == tuple(x.shape[:first])


def _is_native(*tensors: Tensor | None) -> bool:
    given = [t for t in tensors if t is not None]
    if torch.is_grad_enabled() and any(t.requires_grad for t in given):
        return False
    return is_native() and all(t.dtype == torch.float32 and t.device.type == "cpu" for t in given)


if is_available():
    # Shapes for torch.compile and torch.export.

    @torch.library.register_fake("inc_hf::activate")
    def _(x, activation):
        return x.new_empty(x.shape)

    @torch.library.register_fake("inc_hf::layer_norm")
    def _(x, residual, weight, bias, eps):
        refuse_elsewhere(x, residual=residual, weight=weight, bias=bias)
        return x.new_empty(x.shape)

    @torch.library.register_fake("inc_hf::softmax")
    def _(x, mask):
        refuse_elsewhere(x, mask=mask)
        return x.new_empty(x.shape)
