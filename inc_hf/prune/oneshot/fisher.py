"""What a channel or an attention head is worth: the Fisher information of a mask on it.

Kwon et al., 2022, arXiv 2204.09656; INC's `retrain_free`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.errors import UsageError
from inc_hf.prune.layout import to_matrix
from inc_hf.prune.oneshot.calls import run
from inc_hf.prune.target import Part, Target
from inc_hf.telling import progress_bar


def masked_part(target: Target) -> Part:
    """The weight whose masked blocks are the target's units: of an attention its output projection."""
    return target.parts[-1]


def mask_gradients(
    model: nn.Module, targets: list[Target], batches: Iterable[Any], progress: bool = False
) -> dict[str, Tensor]:
    """The gradient of each batch's loss by a mask of ones on each unit. Its squares sum up to the Fisher information.

    It is the sum of weight times gradient over the unit, so that the model needs no masks.

    Returns:
        `dict[str, torch.Tensor]`: by target, of shape `(batches, units)`, float32.

    Raises:
        ValueError: a batch gives no loss, or a layer has no part in it.
    """
    parts = [masked_part(target) for target in targets]
    weights = [part.module.weight for part in parts]
    rows: dict[str, list[Tensor | None]] = {target.name: [] for target in targets}
    frozen = [weight for weight in weights if not weight.requires_grad]
    for weight in frozen:
        weight.requires_grad_(True)
    try:
        for batch in progress_bar(batches, desc="Scoring channels", unit="batch", disable=not progress, leave=False):
            gradients = torch.autograd.grad(loss_of(model, batch), weights, allow_unused=True)
            for target, part, gradient in zip(targets, parts, gradients, strict=True):
                rows[target.name].append(unit_gradients(part, gradient))
    finally:
        for weight in frozen:
            weight.requires_grad_(False)
    return {name: stacked(name, of_target) for name, of_target in rows.items()}


def loss_of(model: nn.Module, batch: Any) -> Tensor:
    if not isinstance(batch, Mapping) or not any("label" in key or key.endswith("positions") for key in batch):
        came = sorted(batch) if isinstance(batch, Mapping) else type(batch).__name__
        raise UsageError(f"'retrain_free' needs the loss of each batch, so `labels` in a mapping, but got {came}.")
    with torch.enable_grad():
        output = run(model, batch)
    loss = output.get("loss") if isinstance(output, Mapping) else None
    if loss is None:
        raise UsageError(
            f"{type(model).__name__} returns no `loss` for a batch of {sorted(batch)}; 'retrain_free' needs it."
        )
    return loss


def stacked(name: str, rows: list[Tensor | None]) -> Tensor:
    """Shape `(batches, units)`; a batch that did not reach the layer has zeros."""
    known = [row for row in rows if row is not None]
    if not known:
        raise UsageError(f"The loss does not depend on `{name}`; name it in `excluded_op_names`.")
    return torch.stack([torch.zeros_like(known[0]) if row is None else row for row in rows])


@torch.no_grad()
def unit_gradients(part: Part, gradient: Tensor | None) -> Tensor | None:
    """Shape `(units,)`; None if the batch did not reach the layer."""
    if gradient is None:
        return None
    product = to_matrix(part.module, part.module.weight.float() * gradient.float())
    sums = part.pattern.reduce(product, "sum").flatten()
    if not sums.isfinite().all():
        raise UsageError(f"The gradient of `{part.name}` has NaN or infinite values; check the data and the model.")
    return sums
