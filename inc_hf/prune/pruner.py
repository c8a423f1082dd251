"""Pruning at work on the layers of one element of `pruning_configs`."""

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.config import WeightPruningConfig
from inc_hf.errors import UsageError
from inc_hf.prune.mask import prune_globally, prune_locally
from inc_hf.prune.masking import found_elements, found_units, mask_elements, mask_units, shrink_blocks
from inc_hf.prune.pattern import NMPattern, parse_pattern
from inc_hf.prune.progressive import advance, is_progressive, share_due, stages_of
from inc_hf.prune.schedule import schedule_of
from inc_hf.prune.scores import Scores
from inc_hf.prune.target import Part, Target, check_owners, find_targets

logger = logging.getLogger(__name__)


def prepare(
    model: nn.Module, config: WeightPruningConfig, total_steps: int | float, warmup_steps: int = 0
) -> list["Pruner"]:
    """One pruner for each element of `config.pruning_configs`, for a run of `total_steps` optimizer steps.

    Where the config does not say when to begin, that is after the `warmup_steps` of the learning rate.

    Raises:
        ValueError: a layer is in two of them or frozen, names match nothing, no pattern fits, steps are not in the
            run, or settings do not go together.
    """
    merged = config.merged_configs()
    found = [find_targets(model, each, len(merged) == 1) for each in merged]
    check_owners(found)
    return [Pruner(each, targets, total_steps, warmup_steps) for each, targets in zip(merged, found, strict=True)]


class Pruner:
    """The masks of some layers, and the scores that they come from.

    A step calls `update` before the forward pass, `collect` when the gradients are there, and `shrink` and `apply`
    after the optimizer has changed the weights.

    Until the last update this holds one float32 score per block, or one per weight if the scores of weights are asked
    for (N:M, progressive types, the `max` of `snip_momentum`); with `low_memory_usage` in 16 bits, and of blocks for
    `max` too. A mask costs a byte per block, with N:M one per weight, and for progressive types two more per weight
    while an update is on its way. `magnitude` and `pattern_lock` keep no scores.
    """

    def __init__(
        self, config: SimpleNamespace, targets: list[Target], total_steps: int | float, warmup_steps: int = 0
    ):
        self.config, self.targets = config, targets
        self.pattern = parse_pattern(config.pattern)
        self.schedule = schedule_of(config, total_steps, warmup_steps)
        self.progressive = is_progressive(config, self.schedule)
        self.last_change = self._last_change(total_steps)
        self.scores = Scores(config, targets, self.progressive or isinstance(self.pattern, NMPattern))
        self.masks: dict[str, Tensor] = {}  # of units, by target; empty before the first update
        self.elements: dict[str, Tensor] = {}  # of elements, by part: of N:M, and while a progressive update lasts
        self.goal: dict[str, Tensor] = {}  # the elements at the end of the progressive update that lasts
        self.locked: dict[str, Tensor] = {}  # units that were zero from the beginning, and stay so
        self.unscored: list[str] = []  # parts that had no gradient yet at the last update, and stay as they were
        self.initial = 0.0
        self._check()
        if config.resume_from_pruned_checkpoint or config.lock_init_sparsity:
            self._take_zeros()
            self.initial = self.sparsity()
            self.locked = dict(self.masks) if config.lock_init_sparsity else {}

    def _last_change(self, total_steps: int) -> int:
        """The last step at which the masks may change, which ends a progressive update before its time if need be."""
        stages, stride = stages_of(self.schedule) if self.progressive else (1, 0)
        return min(self.schedule.last_step + (stages - 1) * stride, total_steps - 1)

    def _check(self) -> None:
        if self.config.reg_type is not None and isinstance(self.pattern, NMPattern):
            raise UsageError(
                f"`reg_type` {self.config.reg_type!r} needs blocks, and the pattern is {self.config.pattern!r}; "
                "choose a pattern NxM, or None for `reg_type`."
            )
        frozen = [part.name for part in self.parts() if not part.module.weight.requires_grad]
        if frozen and self.scores.criterion.needs_gradient:
            raise UsageError(
                f"The pruning type {self.config.pruning_type!r} needs gradients, and these layers are frozen: "
                f"{', '.join(frozen)}; name them in `excluded_op_names`, or make them trainable, which models of PEFT "
                "are not even after merging: `model.requires_grad_(True)`."
            )

    def _take_zeros(self) -> None:
        self.masks = {target.name: found_units(target) for target in self.targets}
        self.elements = found_elements(self.targets)

    @torch.no_grad()
    def update(self, step: int) -> bool:
        """Make new masks if `step` asks for it, and put them on the weights; returns whether it did."""
        if not self.targets:
            return False
        if self.config.pruning_type == "pattern_lock":
            due = step == self.schedule.start
            if due:
                self._take_zeros()
        else:
            due = self.schedule.is_update(step) and self._prune(step, self.schedule.sparsity(step, self.initial))
        if self.goal:
            due = self._advance(step) or due
        if due:
            self.apply()
        return due

    def _prune(self, step: int, sparsity: float) -> bool:
        if sparsity <= self.initial:
            return False
        units = self._lowest_units(sparsity)
        self.unscored = sorted(part.name for part in self.parts() if not self.scores.is_scored(part))
        if not units:
            self._wait(step)
            return False
        units = {t.name: units.get(t.name, self._unchanged(t)) for t in self.targets}
        if self.progressive:
            self.elements = self.elements or self._element_masks()
        self.masks = units
        if self.progressive:
            self.goal = self._element_masks()
        elif isinstance(self.pattern, NMPattern):
            self.elements = self._element_masks()
        return True

    def _lowest_units(self, sparsity: float) -> dict[str, Tensor]:
        c = self.config
        # While the model is on its way to the target, so are the layers to their least sparsity.
        low = c.min_sparsity_ratio_per_op * min(1.0, sparsity / max(self.schedule.target, 1e-12))
        shares = (min(1.0, s / self.pattern.zeros_per_unit) for s in (sparsity, low, c.max_sparsity_ratio_per_op))
        scores = self.scores.of_units()
        if not scores:
            return {}
        for name in scores.keys() & self.locked.keys():
            scores[name] = scores[name].masked_fill(~self.locked[name], -torch.inf)
        masks = (prune_globally if c.pruning_scope == "global" else prune_locally)(scores, *shares)
        return {name: mask & self.locked.get(name, mask) for name, mask in masks.items()}

    def _wait(self, step: int) -> None:
        """Nothing to prune by: an update to come may have it, since models skip layers at random (LayerDrop)."""
        names = ", ".join(self.unscored)
        if step >= self.schedule.last_step:
            raise UsageError(f"There is no gradient to prune by in {names}; exclude layers that are not trained.")
        logger.warning("No gradient has come to %s yet; nothing is pruned at step %d.", names, step)

    def _unchanged(self, target: Target) -> Tensor:
        return self.masks[target.name] if target.name in self.masks else self.scores.all_kept(target)

    def _element_masks(self) -> dict[str, Tensor]:
        parts = [(target, part) for target in self.targets for part in target.parts]
        return {part.name: self._element_mask(target, part) for target, part in parts}

    def _element_mask(self, target: Target, part: Part) -> Tensor:
        if not self.scores.is_scored(part) and part.name in self.elements:
            return self.elements[part.name]
        return self.scores.element_mask(part, self.masks[target.name]) if self.masks else part.all_kept()

    def _advance(self, step: int) -> bool:
        share = 1.0 if step == self.last_change else share_due(self.schedule, step)
        if share is None:
            return False
        scores = {part.name: self.scores.of_elements(part) for part in self.parts()}
        self.elements = advance(self.elements, self.goal, scores, share)
        if share == 1.0:
            self.goal = {}
            if not isinstance(self.pattern, NMPattern):  # the masks of blocks say the same
                self.elements = {}
        return True

    def collect(self, step: int) -> None:
        """Add this step's gradients to the scores, unless no update comes any more."""
        if step >= self.last_change:
            self.scores.kept.clear()
        elif self.scores.criterion.needs_gradient:
            self.scores.collect()

    @torch.no_grad()
    def apply(self) -> None:
        """Make the pruned weights zero again."""
        for target in self.targets:
            for part in target.parts if target.name in self.masks else ():
                if part.name in self.elements:
                    mask_elements(part, self.elements[part.name])
                else:
                    mask_units(part, self.masks[target.name])

    @torch.no_grad()
    def shrink(self, step: int) -> None:
        """The group lasso of this step, between the first and the last update."""
        if self.config.reg_type is not None and self.schedule.start <= step <= self.schedule.end:
            for part in self.parts():
                shrink_blocks(part, self.config.reg_coeff)

    def parts(self) -> Iterator[Part]:
        return self.scores.parts()

    def sparsity(self) -> float:
        """The share of units that the masks prune, in [0, 1], times what a unit loses."""
        units = sum(mask.numel() for mask in self.masks.values())
        zeros = sum(int((~mask).sum()) for mask in self.masks.values())
        return zeros / units * self.pattern.zeros_per_unit if units else 0.0

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs: masks and scores by name, not copied."""
        state = {name: getattr(self, name) for name in ("masks", "elements", "goal", "locked", "initial", "unscored")}
        return {**state, "scores": self.scores.kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take what `state_dict` gave.

        Raises:
            ValueError: it is of other layers.
        """
        names = {target.name for target in self.targets}
        if state["masks"] and set(state["masks"]) != names:
            raise UsageError(
                f"The checkpoint was pruned in other layers, {', '.join(sorted(state['masks']))}, than this config "
                f"asks for, {', '.join(sorted(names))}; resume with the config that it was made with."
            )
        self.scores.kept = state["scores"]
        for name in state.keys() - {"scores"}:
            setattr(self, name, state[name])
