"""What a weight is worth. The lowest scores are pruned first."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from inc_hf.errors import UsageError

MOMENTUM = 0.9  # of the old score, as in INC


@dataclass(frozen=True)
class Criterion:
    """A score per weight from the weight and its gradient; with `momentum` added to 0.9 times the score so far."""

    score: Callable[[Tensor, Tensor | None], Tensor]
    needs_gradient: bool = True  # if not, it may get None for it
    momentum: bool = False
    sums_blocks_first: bool = False  # the score of a block is the size of the sum of its signed products
    has_progressive: bool = True  # whether there is a type of its name with `_progressive` behind

    def update(self, old: Tensor | None, new: Tensor) -> Tensor:
        """The score so far with that of one more step."""
        return new if old is None or not self.momentum else old.mul_(MOMENTUM).add_(new)


CRITERIA = {
    "magnitude": Criterion(lambda weight, gradient: weight.abs(), needs_gradient=False),
    "gradient": Criterion(lambda weight, gradient: gradient.abs()),
    # Lee et al., 2019, arXiv 1810.02340
    "snip": Criterion(lambda weight, gradient: (weight * gradient).abs()),
    "snip_momentum": Criterion(lambda weight, gradient: (weight * gradient).abs(), momentum=True),
    # The gradient of a mask with one element per block is the sum of weight times gradient over the block.
    "block_mask": Criterion(
        lambda weight, gradient: weight * gradient, momentum=True, sums_blocks_first=True, has_progressive=False
    ),
    "pattern_lock": Criterion(lambda weight, gradient: weight.abs(), needs_gradient=False, has_progressive=False),
}


def criterion_of(pruning_type: str) -> Criterion:
    """The criterion of a `pruning_type`; those with `_progressive` behind share it.

    Raises:
        ValueError: a type that needs no training.
    """
    if pruning_type not in pruning_types():
        raise UsageError(
            f"The pruning type {pruning_type!r} is not for training; choose one of {', '.join(pruning_types())}."
        )
    return CRITERIA[pruning_type.removesuffix("_progressive")]


def pruning_types() -> list[str]:
    """The pruning types for training."""
    return [*CRITERIA, *(f"{name}_progressive" for name, criterion in CRITERIA.items() if criterion.has_progressive)]
