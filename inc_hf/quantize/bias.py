"""Bias correction: rounding moves the mean of an output channel, and its bias takes that back.

INC's `fast_bias_correction` did so for convolutions (Nagel et al., 2019, https://arxiv.org/abs/1906.04721).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from inc_hf.errors import UsageError
from inc_hf.quantize.nn import weight_matrix
from inc_hf.quantize.per_token import is_product
from inc_hf.quantize.plan import Plan
from inc_hf.quantize.rounded_product import rounded_product
from inc_hf.quantize.scheme import Scheme


def can_correct(module: nn.Module) -> bool:
    """Whether a module has a bias that can take the mean error."""
    return is_product(module) and module.bias is not None


def check_no_clipping(schemes: Mapping[str, Scheme]) -> None:
    """Refuse observers that clip: what they cut off a few tokens would move the means of all others.

    Raises:
        ValueError: a module has such an observer; nothing has been changed then.
    """
    for name, scheme in schemes.items():
        observes = scheme.is_static and scheme.smooth_alpha is None
        if observes and scheme.activation.observer != "minmax":
            raise UsageError(
                f"`fast_bias_correction` does not go with the observer {scheme.activation.observer!r} of `{name}`, "
                "which clips: biases that make up for that break the other tokens. Leave out one of the two, or use "
                "the observer 'minmax'."
            )


@torch.no_grad()
def corrected_bias(module: nn.Module, plan: Plan, factors: Tensor | None) -> Tensor:
    """The bias of a module plus the mean error of each output channel, over the rows that calibration kept."""
    bias, weight = module.bias.detach(), weight_matrix(module).detach().float()
    if not plan.rows.seen:
        return bias
    rows, ones = plan.rows.rows, torch.ones_like(weight[0]) if factors is None else factors
    found = rounded_product(rows / ones, weight * ones, plan.scheme, plan.span(factors))
    return bias + (rows @ weight.T - found).mean(0).to(bias.dtype)
