"""The scores of the layers that are pruned, collected step by step."""

from collections.abc import Iterator
from types import SimpleNamespace

import torch
from torch import Tensor

from inc_hf.prune.criterion import criterion_of
from inc_hf.prune.layout import to_matrix, whole
from inc_hf.prune.pattern import NMPattern
from inc_hf.prune.target import Part, Target


class Scores:
    """One score per unit where that is enough, otherwise one per element.

    Args:
        config (`SimpleNamespace`): a merged element of `pruning_configs`.
        targets (`list[Target]`): what is pruned.
        by_element (`bool`): whether the score of each element will be asked for.
    """

    def __init__(self, config: SimpleNamespace, targets: list[Target], by_element: bool):
        self.targets = targets
        self.criterion = criterion_of(config.pruning_type)
        self.reduction = config.criterion_reduce_type
        self.dtype = torch.bfloat16 if config.low_memory_usage else torch.float32
        # The largest sum of a block cannot be had from the largest of each step; little memory puts up with those.
        largest = self.reduction == "max" and self.criterion.momentum and not config.low_memory_usage
        self.by_element = by_element or (largest and not self.criterion.sums_blocks_first)
        self.kept: dict[str, Tensor] = {}  # by part

    def parts(self) -> Iterator[Part]:
        return (part for target in self.targets for part in target.parts)

    @torch.no_grad()
    def collect(self) -> None:
        """Add the gradients of a step."""
        for part in self.parts():
            if part.module.weight.grad is None:
                continue
            weight, gradient = whole(part.module.weight).float(), whole(part.module.weight.grad).float()
            score = to_matrix(part.module, self.criterion.score(weight, gradient))
            # The mask of an element is a block of its own. Contiguous, to sort and to save.
            score = score.abs().contiguous() if self.by_element else self.reduce(part, score)
            self.kept[part.name] = self.criterion.update(self.kept.get(part.name), score.to(self.dtype))

    def reduce(self, part: Part, score: Tensor) -> Tensor:
        """Elements to units."""
        if self.criterion.sums_blocks_first:
            return part.pattern.reduce(score, "sum").abs()
        return part.pattern.reduce(score, self.reduction)

    def of_elements(self, part: Part) -> Tensor:
        """A matrix of the shape of the weight, float32."""
        if not self.criterion.needs_gradient:
            score = self.criterion.score(whole(part.module.weight.detach()).float(), None)
            return to_matrix(part.module, score)
        return self.kept[part.name].float() if part.name in self.kept else part.all_kept().float()

    def of_units(self) -> dict[str, Tensor]:
        """The scores of each target's units, float32: the mean of its parts. A target of which a part has never had a
        gradient, since every step so far has left it out (LayerDrop), is not in it.
        """
        return {t.name: self._units_of(t) for t in self.targets if all(self.is_scored(part) for part in t.parts)}

    def is_scored(self, part: Part) -> bool:
        """Whether there is what the scores come from."""
        return not self.criterion.needs_gradient or part.name in self.kept

    def all_kept(self, target: Target) -> Tensor:
        """The mask of a target's units that prunes none."""
        parts = [self.reduce(part, part.all_kept().float()) for part in target.parts]
        return torch.ones_like(parts[0] if len(parts) == 1 else parts[0].flatten(), dtype=torch.bool)

    def _units_of(self, target: Target) -> Tensor:
        ready = self.criterion.needs_gradient and not self.by_element
        parts = [
            self.kept[part.name].float() if ready else self.reduce(part, self.of_elements(part))
            for part in target.parts
        ]
        return parts[0] if len(parts) == 1 else torch.stack([p.flatten() for p in parts]).mean(0)

    def element_mask(self, part: Part, units: Tensor) -> Tensor:
        """The mask of a part's elements; those of N:M are the ones with the lowest scores now."""
        if isinstance(part.pattern, NMPattern):
            return part.pattern.element_mask(units, self.of_elements(part))
        return part.expand(units)
