"""SmoothQuant with an alpha for each layer: the one that changes the layer's output least, or none."""

import logging
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from inc_hf.errors import UsageError
from inc_hf.quantize.nn import weight_matrix
from inc_hf.quantize.plan import Plan
from inc_hf.quantize.rounded_product import rounded_product
from inc_hf.quantize.smoothquant import smoothing_factors

logger = logging.getLogger(__name__)


@torch.no_grad()
def choose_alphas(planned: Mapping[str, nn.Module]) -> None:
    """Give each plan that has several alphas to choose from one of them, or none, and its factors.

    Layers that read the same tensor, such as query, key and value, share them.
    """
    alphas = []
    for modules in _sharing(planned):
        plans = [module.quantization_plan for module in modules]
        weight = torch.cat([weight_matrix(module).detach().float() for module in modules])
        alpha, factors = _best(plans[0], weight)
        for plan in plans:
            plan.choose(alpha, factors)
        alphas += [alpha] * len(plans)
    if alphas:
        smoothed = sorted(alpha for alpha in alphas if alpha is not None)
        span = f", alpha {smoothed[0]} to {smoothed[-1]}" if smoothed else ""
        logger.info("Smoothed the inputs of %d of %d layers%s.", len(smoothed), len(alphas), span)


def _sharing(planned: Mapping[str, nn.Module]) -> Iterable[list[nn.Module]]:
    """The modules with several alphas, those together that read one tensor."""
    groups: dict[tuple, list[nn.Module]] = {}
    for name, module in planned.items():
        plan: Plan = module.quantization_plan
        if plan.scheme.alphas:
            groups.setdefault((name.rpartition(".")[0], plan.source, plan.scheme), []).append(module)
    return groups.values()


def _best(plan: Plan, weight: Tensor) -> tuple[float | None, Tensor | None]:
    rows = plan.rows.rows
    expected = rows @ weight.T
    best, least = (None, None), float("inf")
    for alpha in (None, *plan.scheme.alphas):
        factors = None if alpha is None else smoothing_factors(plan.channels.amax, weight, alpha)
        ones = torch.ones_like(rows[0]) if factors is None else factors
        found = rounded_product(rows / ones, weight * ones, plan.scheme, plan.channels.smoothed(ones))
        error = float((found - expected).square().mean())
        if error < least:
            best, least = (alpha, factors), error
    if least == float("inf"):
        raise UsageError(f"The outputs of `{plan.name}` overflow; check the FP32 model and the calibration data.")
    return best
